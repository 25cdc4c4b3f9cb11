# Warnings, sanitizers and the compiler cache. Each of our own targets links arkshare_compile_flags PRIVATE.
add_library(arkshare_compile_flags INTERFACE)
target_compile_options(arkshare_compile_flags INTERFACE -Wall -Wextra -Wpedantic -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 wrongly reports overlaps in std::string's operator+ (GCC bug 105651).
  target_compile_options(arkshare_compile_flags INTERFACE -Wno-restrict)
  # GCC takes a source that is compiled together with others for a header.
  if(ARKSHARE_UNITY)
    target_compile_options(arkshare_compile_flags INTERFACE -Wno-subobject-linkage)
  endif()
endif()
target_include_directories(arkshare_compile_flags INTERFACE ${CMAKE_SOURCE_DIR})
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(arkshare_compile_flags INTERFACE -Wthread-safety)
endif()
if(ARKSHARE_FAILPOINTS)
  target_compile_definitions(arkshare_compile_flags INTERFACE ARKSHARE_FAILPOINTS)
endif()

# Sanitizers are set for all targets, so that they instrument the generated code too. With them, GCC wrongly reports
# uninitialized values in libstdc++'s regex.
if(ARKSHARE_SANITIZE)
  target_compile_options(arkshare_compile_flags INTERFACE -Wno-maybe-uninitialized)
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

# It links a test program in a third of a second; GNU's linker takes two.
find_program(MOLD mold)
if(ARKSHARE_TESTS AND MOLD)
  add_link_options(-fuse-ld=mold)
endif()
