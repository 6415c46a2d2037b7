# Compiler and linker flags for every target of ours.
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Werror -fno-strict-aliasing)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fpch-preprocess)
  # GCC 12 reports these inside its own library headers when it optimises; clang checks the same code without them.
  add_compile_options(-Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds
                      -Wno-dangling-pointer -Wno-free-nonheap-object -Wno-stringop-overread
                      -Wno-mismatched-new-delete)
else()
  add_compile_options(-Wthread-safety -Xclang -fno-pch-timestamp)
endif()
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
add_compile_definitions(_GLIBCXX_ASSERTIONS)

if(POSTHOUSE_HARDEN)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection
                      -fcf-protection=full -ftrivial-auto-var-init=zero)
  add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()

if(POSTHOUSE_SANITIZE)
  add_compile_options(-fsanitize=${POSTHOUSE_SANITIZE} -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=${POSTHOUSE_SANITIZE})
  if(POSTHOUSE_SANITIZE MATCHES undefined)
    add_compile_options(-fno-sanitize-recover=undefined -fno-sanitize=vptr)
  endif()
endif()
if(POSTHOUSE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
