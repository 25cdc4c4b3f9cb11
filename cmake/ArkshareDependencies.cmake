# Every package that arkshare builds with. scripts/setup installs them on Debian 12.
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(edit REQUIRED IMPORTED_TARGET libedit)
pkg_check_modules(qrencode REQUIRED IMPORTED_TARGET libqrencode)
pkg_check_modules(microhttpd REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)
# Optional, x86-64 only: hashes several blocks at once. Without it, books are hashed one block at a time.
find_library(IPSEC_MB_LIBRARY IPSec_MB)
find_path(IPSEC_MB_INCLUDE_DIR intel-ipsec-mb.h)
if(IPSEC_MB_LIBRARY AND IPSEC_MB_INCLUDE_DIR)
  add_library(ipsec_mb UNKNOWN IMPORTED)
  set_target_properties(ipsec_mb PROPERTIES IMPORTED_LOCATION ${IPSEC_MB_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${IPSEC_MB_INCLUDE_DIR})
else()
  message(STATUS "intel-ipsec-mb was not found: books are hashed at half the speed (libipsec-mb-dev)")
endif()
if(ARKSHARE_TESTS)
  find_package(GTest REQUIRED)
endif()

# google/rpc/error_details.proto is not in gRPC's packages. A copy without ErrorInfo is too old.
find_path(GOOGLE_RPC_PROTO_DIR google/rpc/error_details.proto
  PATHS /usr/share/gocode/src/github.com/gogo/googleapis /usr/share/googleapis /usr/local/include
  NO_DEFAULT_PATH)
if(NOT GOOGLE_RPC_PROTO_DIR)
  message(FATAL_ERROR "google/rpc/error_details.proto is missing: apt-get install "
    "golang-github-gogo-googleapis-dev, or set GOOGLE_RPC_PROTO_DIR to a checkout of googleapis")
endif()
file(READ ${GOOGLE_RPC_PROTO_DIR}/google/rpc/error_details.proto error_details_text)
if(NOT error_details_text MATCHES "message ErrorInfo")
  message(FATAL_ERROR "${GOOGLE_RPC_PROTO_DIR}/google/rpc/error_details.proto has no ErrorInfo: too old")
endif()
