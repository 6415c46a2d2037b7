# One room = one folder of src/ = one static library ph_ROOM, with tests/unit/ROOM beside it.
#
#   posthouse_room(NAME [FOLDER its folder, if not NAME] [TOGETHER how many] [WITHOUT folders that are libraries of their own]
#                  [ROOMS other rooms it uses] [LIBS outside libraries])
#
# Sources are found by themselves, so adding a file needs no change here. TOGETHER compiles so many files as one (0: all),
# where files share costly headers: names in their anonymous namespaces must differ then.
function(posthouse_room name)
  cmake_parse_arguments(R "" "FOLDER;TOGETHER" "WITHOUT;ROOMS;LIBS" ${ARGN})
  if(NOT R_FOLDER)
    set(R_FOLDER ${name})
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${R_FOLDER}/*.cpp)
  foreach(folder ${R_WITHOUT})
    list(FILTER sources EXCLUDE REGEX "/src/${folder}/")
  endforeach()
  if(NOT sources)
    add_library(ph_${name} INTERFACE)
    set(scope INTERFACE)
  else()
    add_library(ph_${name} STATIC ${sources})
    set(scope PUBLIC)
    target_precompile_headers(ph_${name} REUSE_FROM ph_pch)
    posthouse_together(ph_${name} "${R_TOGETHER}")
  endif()
  target_include_directories(ph_${name} ${scope} ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(ph_${name} ${scope} fmt::fmt Threads::Threads)
  foreach(room ${R_ROOMS})
    target_link_libraries(ph_${name} ${scope} ph_${room})
  endforeach()
  target_link_libraries(ph_${name} ${scope} ${R_LIBS})
endfunction()

function(posthouse_together target how_many)
  if(how_many STREQUAL "")
    return()
  endif()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${how_many})
  # g++ takes the file that was included for a header, and warns of coroutines whose frames hold local types.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endfunction()

# What the tests themselves are compiled with, in every preset: they take more time to optimise than to run.
set(POSTHOUSE_TEST_OPTIONS -O0 -U_FORTIFY_SOURCE)

# Unit tests of a room: every *_test.cpp in tests/unit/ROOM becomes part of one program, test_ROOM.
function(posthouse_unit_tests name)
  cmake_parse_arguments(R "" "TOGETHER" "ROOMS;LIBS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/unit/${name}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_precompile_headers(test_${name} REUSE_FROM ph_test_pch)
  posthouse_together(test_${name} "${R_TOGETHER}")
  target_compile_options(test_${name} PRIVATE ${POSTHOUSE_TEST_OPTIONS})
  target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(test_${name} PRIVATE ph_${name} ph_test_support GTest::gmock_main rapidcheck rapidcheck_gtest)
  foreach(room ${R_ROOMS})
    target_link_libraries(test_${name} PRIVATE ph_${room})
  endforeach()
  add_test(NAME unit.${name} COMMAND test_${name})
  set_tests_properties(unit.${name} PROPERTIES TIMEOUT 300 LABELS unit)
endfunction()
