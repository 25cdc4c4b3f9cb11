# Warnings, sanitizers and the compiler cache, for our own targets: link arkshare_options PRIVATE.
add_library(arkshare_options INTERFACE)
target_compile_options(arkshare_options INTERFACE -Wall -Wextra -Wpedantic -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees overlaps in std::string's operator+ that are not there (GCC bug 105651).
  target_compile_options(arkshare_options INTERFACE -Wno-restrict)
  # A source that is compiled together with others looks like a header to GCC.
  if(ARKSHARE_UNITY)
    target_compile_options(arkshare_options INTERFACE -Wno-subobject-linkage)
  endif()
endif()
target_include_directories(arkshare_options INTERFACE ${CMAKE_SOURCE_DIR})
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(arkshare_options INTERFACE -Wthread-safety)
endif()
if(ARKSHARE_FAILPOINTS)
  target_compile_definitions(arkshare_options INTERFACE ARKSHARE_FAILPOINTS)
endif()

# Sanitizers instrument the generated code too, so they are set for everything. With their code in between, GCC sees
# uninitialized values where there are none (in libstdc++'s regex).
if(ARKSHARE_SANITIZE)
  target_compile_options(arkshare_options INTERFACE -Wno-maybe-uninitialized)
endif()
if(ARKSHARE_SANITIZE STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(ARKSHARE_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer
    "SHELL:-include ${CMAKE_SOURCE_DIR}/cmake/tsan_protobuf.h")
  add_link_options(-fsanitize=thread)
elseif(ARKSHARE_SANITIZE)
  message(FATAL_ERROR "ARKSHARE_SANITIZE is '${ARKSHARE_SANITIZE}'; it can be address, thread or empty")
endif()

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
