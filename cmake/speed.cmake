# Quick builds: a compiler cache and a quick linker where the machine has them.
find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers need the sloppiness; the launcher sets it, so that no user setting is needed.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()
