# arkshare_proto_library(NAME BASE <folder> OUT <folder> PROTOS a.proto ... SERVICES b.proto ... [LINK lib ...])
# Generates and compiles protos; those under SERVICES also get gRPC stubs.
function(arkshare_proto_library name)
  cmake_parse_arguments(arg "" "BASE;OUT" "PROTOS;SERVICES;LINK" ${ARGN})
  file(MAKE_DIRECTORY ${arg_OUT})
  set(sources)
  foreach(proto ${arg_PROTOS} ${arg_SERVICES})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(outputs ${arg_OUT}/${stem}.pb.cc ${arg_OUT}/${stem}.pb.h)
    set(grpc_flags)
    if(proto IN_LIST arg_SERVICES)
      list(APPEND outputs ${arg_OUT}/${stem}.grpc.pb.cc ${arg_OUT}/${stem}.grpc.pb.h)
      set(grpc_flags --grpc_out=${arg_OUT} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
    endif()
    add_custom_command(OUTPUT ${outputs}
      COMMAND protobuf::protoc --cpp_out=${arg_OUT} ${grpc_flags} -I${arg_BASE} ${arg_BASE}/${proto}
      DEPENDS ${arg_BASE}/${proto} protobuf::protoc gRPC::grpc_cpp_plugin VERBATIM)
    list(APPEND sources ${outputs})
    # Their static names repeat; those of the stubs do not.
    set_source_files_properties(${arg_OUT}/${stem}.pb.cc PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endforeach()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} SYSTEM PUBLIC ${arg_OUT})
  target_link_libraries(${name} PUBLIC protobuf::libprotobuf gRPC::grpc++ ${arg_LINK})
endfunction()

# Remembers the sources and the links of a target, for the test `layers`.
function(arkshare_remember_layer kind name sources link)
  string(REPLACE ";" " " sources "${sources}")
  string(REPLACE ";" " " link "${link}")
  set_property(GLOBAL APPEND PROPERTY ARKSHARE_LAYERS
    "${kind}|${name}|${CMAKE_CURRENT_SOURCE_DIR}|${sources}|${link}")
endfunction()

# arkshare_check_layers(): adds the test `layers`. Call it after all targets are defined.
function(arkshare_check_layers)
  get_property(layers GLOBAL PROPERTY ARKSHARE_LAYERS)
  string(REPLACE ";" "\n" layers "${layers}")
  file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/layers.txt CONTENT "${layers}\n")
  add_test(NAME layers COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/scripts/check_layers.py
    --root ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/layers.txt)
  add_test(NAME layers_mistakes COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/scripts/check_layers.py
    --mistakes)
endfunction()

# Compiles a target that only tests use: where they are built as users get them, most of the time of the
# compiler goes into code that runs once.
function(arkshare_compile_for_tests name)
  if(ARKSHARE_TEST_OPTIMIZATION)
    target_compile_options(${name} PRIVATE ${ARKSHARE_TEST_OPTIMIZATION})
  endif()
endfunction()

# arkshare_library(NAME [FOR_TESTS] SOURCES a.cc ... LINK lib ...): a library of ours, with all warnings.
function(arkshare_library name)
  cmake_parse_arguments(arg "FOR_TESTS" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  if(arg_FOR_TESTS)
    arkshare_compile_for_tests(${name})
  endif()
  target_link_libraries(${name} PUBLIC ${arg_LINK} PRIVATE arkshare_compile_flags)
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  arkshare_remember_layer(library ${name} "${arg_SOURCES}" "${arg_LINK}")
endfunction()

# arkshare_web_assets(NAME FUNCTION f FOLDER folder [PAGE name]): a library with the files of a web page. It
# defines absl::Span<const WebAsset> f() in namespace arkshare (lib/http/static_files.h); its user declares
# it. With PAGE, esbuild puts the modules that PAGE.js imports into one file, in NAME.page of the build
# folder. Without esbuild, the page is larger: all files are served as they are.
find_program(ESBUILD esbuild)
function(arkshare_web_assets name)
  cmake_parse_arguments(arg "" "FUNCTION;FOLDER;PAGE" "" ${ARGN})
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.cc)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${arg_FOLDER}/*)
  set(folder ${arg_FOLDER})
  set(bundle "")
  if(arg_PAGE AND ESBUILD)
    set(folder ${CMAKE_CURRENT_BINARY_DIR}/${name}.page)
    set(bundle COMMAND ${CMAKE_COMMAND} -DESBUILD=${ESBUILD} -DFOLDER=${arg_FOLDER} -DPAGE=${arg_PAGE}
      -DOUT=${folder} -P ${CMAKE_SOURCE_DIR}/cmake/BundlePage.cmake)
  endif()
  add_custom_command(OUTPUT ${source} ${bundle}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${folder} -DSYMBOL=${arg_FUNCTION} -DOUT=${source}
      -P ${CMAKE_SOURCE_DIR}/cmake/EmbedWebAssets.cmake
    DEPENDS ${files} ${CMAKE_SOURCE_DIR}/cmake/EmbedWebAssets.cmake
      ${CMAKE_SOURCE_DIR}/cmake/BundlePage.cmake
    VERBATIM)
  add_library(${name} STATIC ${source})
  target_link_libraries(${name} PUBLIC arkshare_http PRIVATE arkshare_compile_flags)
  arkshare_remember_layer(library ${name} "" "arkshare_http")
endfunction()

# arkshare_program(NAME SOURCES main.cc LINK lib ...)
function(arkshare_program name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE arkshare_compile_flags ${arg_LINK})
  arkshare_remember_layer(program ${name} "${arg_SOURCES}" "${arg_LINK}")
  if(ARKSHARE_SANITIZE STREQUAL "thread")
    target_link_libraries(${name} PRIVATE arkshare_tsan_shim)
  endif()
endfunction()

# arkshare_test(NAME [OPTIMIZED] SOURCES a_test.cc ... LINK lib ... [LABELS l ...] [TIMEOUT seconds]): one
# GoogleTest program, registered as one ctest. OPTIMIZED: its own code computes for long.
function(arkshare_test name)
  if(NOT ARKSHARE_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "OPTIMIZED" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  arkshare_program(${name} SOURCES ${arg_SOURCES} LINK ${arg_LINK} GTest::gmock GTest::gtest_main)
  if(NOT arg_OPTIMIZED)
    arkshare_compile_for_tests(${name})
  endif()
  add_test(NAME ${name} COMMAND ${name})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
  if(ARKSHARE_SANITIZE STREQUAL "thread")
    set_tests_properties(${name} PROPERTIES ENVIRONMENT
      "TSAN_OPTIONS=ignore_noninstrumented_modules=1 suppressions=${CMAKE_SOURCE_DIR}/cmake/tsan.supp history_size=4")
  endif()
endfunction()

# arkshare_python_test(NAME SCRIPT [TIMEOUT seconds] [LABELS l ...]): a test that drives the real programs with
# Debian's Python; exit code 77 is a skip.
function(arkshare_python_test name script)
  cmake_parse_arguments(arg "" "TIMEOUT" "LABELS" ${ARGN})
  add_test(NAME ${name} COMMAND /usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/${script})
  set(environment "ARKSHARE_BIN=${CMAKE_BINARY_DIR}/bin" "ARKSHARE_PROTO=${CMAKE_SOURCE_DIR}/proto"
    "ARKSHARE_GOOGLE_RPC=${GOOGLE_RPC_PROTO_DIR}" "ARKSHARE_PROTOC=$<TARGET_FILE:protobuf::protoc>"
    "PYTHONDONTWRITEBYTECODE=1")
  if(ARKSHARE_SANITIZE STREQUAL "thread")
    list(APPEND environment "TSAN_OPTIONS=ignore_noninstrumented_modules=1 suppressions=${CMAKE_SOURCE_DIR}/cmake/tsan.supp history_size=4")
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
    LABELS "${arg_LABELS}" ENVIRONMENT "${environment}")
endfunction()
