# All libraries are Debian packages; scripts/install-deps.sh installs them.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt REQUIRED)
find_package(GTest REQUIRED)
foreach(lib rocksdb icu-uc icu-i18n libidn2 libpsl libgsasl libargon2 libcrypt spdlog prometheus-cpp-core
        libseccomp libcap libxxhash libzstd zlib)
  string(MAKE_C_IDENTIFIER ${lib} id)
  pkg_check_modules(${id} REQUIRED IMPORTED_TARGET ${lib})
endforeach()
find_package(benchmark REQUIRED)
find_package(rapidcheck REQUIRED)
# Not by pkg-config: Debian's libunbound.pc asks for libevent, which only its event API needs.
find_library(UNBOUND_LIBRARY unbound REQUIRED)
find_path(UNBOUND_INCLUDE unbound.h REQUIRED)
