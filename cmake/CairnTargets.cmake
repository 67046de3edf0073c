# The few kinds of targets there are. Each folder lists its files; flags, precompiled headers and test registration are here.
#
# Two precompiled headers: `light` (the standard library, Abseil, fmt) and `grpc` (light plus gRPC and Protobuf). A target
# takes `light` unless it says PCH grpc. raft/core cannot include gRPC by accident: its include path is common, but it
# links nothing of it, and tests/tidy checks what it includes.

include(GoogleTest)

function(cairn_pch_host name header)
  set(stub ${CMAKE_BINARY_DIR}/pch/${name}.cc)
  if(NOT EXISTS ${stub})
    file(WRITE ${stub} "// Carries a precompiled header.\n")
  endif()
  add_library(${name} OBJECT ${stub})
  target_link_libraries(${name} PRIVATE cairn_flags ${ARGN})
  # By its name below the root, not by its path, so that the file is the same in every clone (see CairnOptions).
  target_precompile_headers(${name} PRIVATE <cmake/${header}>)
endfunction()
cairn_pch_host(cairn_pch_light pch_light.h absl::status fmt::fmt)
cairn_pch_host(cairn_pch_grpc pch_grpc.h gRPC::grpc++ protobuf::libprotobuf absl::status fmt::fmt)

function(cairn_common_ name pch)
  target_link_libraries(${name} PRIVATE cairn_flags)
  if(pch STREQUAL "none")
    return()
  elseif(pch STREQUAL "grpc")
    target_precompile_headers(${name} REUSE_FROM cairn_pch_grpc)
    target_link_libraries(${name} PRIVATE gRPC::grpc++ protobuf::libprotobuf absl::status fmt::fmt)
  else()
    target_precompile_headers(${name} REUSE_FROM cairn_pch_light)
    target_link_libraries(${name} PRIVATE absl::status fmt::fmt)
  endif()
endfunction()

# Executables of the thread sanitizer's build tell it about Abseil's locks (the file says why).
if(CAIRN_SANITIZE MATCHES "thread")
  add_library(cairn_absl_synchronization_tsan OBJECT ${CMAKE_SOURCE_DIR}/tests/sanitize/absl_synchronization_tsan.cc)
  target_link_libraries(cairn_absl_synchronization_tsan PRIVATE cairn_flags absl::synchronization)
endif()
function(cairn_sanitized_ name)
  if(TARGET cairn_absl_synchronization_tsan)
    target_link_libraries(${name} PRIVATE cairn_absl_synchronization_tsan absl::synchronization)
  endif()
endfunction()

# cairn_library(NAME SOURCES a.cc ... [DEPS targets...] [PCH light|grpc|none])
function(cairn_library name)
  cmake_parse_arguments(ARG "" "PCH" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  cairn_common_(${name} "${ARG_PCH}")
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
endfunction()

# cairn_binary(NAME SOURCES ... [DEPS ...] [PCH ...])
function(cairn_binary name)
  cmake_parse_arguments(ARG "" "PCH" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  cairn_common_(${name} "${ARG_PCH}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  cairn_sanitized_(${name})
endfunction()

# cairn_test(NAME SOURCES ... [DEPS ...] [PCH ...] [LABELS ...] [TIMEOUT s] [DATA dir])
# Every TEST() becomes a ctest of its own, so the counts that `./dev test` prints are counts of promises.
function(cairn_test name)
  cmake_parse_arguments(ARG "" "PCH;TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  cairn_common_(${name} "${ARG_PCH}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  cairn_sanitized_(${name})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  # The program's name is a label, so that `ctest -L` can run what was built alone.
  gtest_discover_tests(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${name};${ARG_LABELS}" DISCOVERY_TIMEOUT 60)
endfunction()

# cairn_reads_source_tree(a_test.cc ...): files that read golden files or traces find them below CAIRN_SOURCE_DIR. Only they
# are told, so that nothing else depends on where the clone is.
function(cairn_reads_source_tree)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_DEFINITIONS CAIRN_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
endfunction()

# cairn_bench(NAME SOURCES ... [DEPS ...]): Google Benchmark; built with the tests, run by hand.
function(cairn_bench name)
  cmake_parse_arguments(ARG "" "PCH" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  cairn_common_(${name} "${ARG_PCH}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} benchmark::benchmark benchmark::benchmark_main)
  cairn_sanitized_(${name})
endfunction()

# cairn_fuzzer(NAME SOURCES ... [DEPS ...]): libFuzzer; exists only when configured with CAIRN_FUZZERS=ON and clang.
function(cairn_fuzzer name)
  if(NOT CAIRN_FUZZERS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "PCH" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  cairn_common_(${name} "${ARG_PCH}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  cairn_sanitized_(${name})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set_property(GLOBAL APPEND PROPERTY CAIRN_ALL_FUZZERS ${name})
endfunction()

# cairn_proto_library(NAME PROTOS a.proto ... [GRPC] [DEPS ...]): files are named relative to proto/.
function(cairn_proto_library name)
  cmake_parse_arguments(ARG "GRPC" "" "PROTOS;DEPS" ${ARGN})
  set(out ${CMAKE_BINARY_DIR}/generated)
  set(generated "")
  foreach(proto ${ARG_PROTOS})
    string(REGEX REPLACE "\\.proto$" "" stem ${proto})
    set(files ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(plugin "")
    if(ARG_GRPC)
      list(APPEND files ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
      set(plugin --grpc_out=${out} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
    endif()
    add_custom_command(
      OUTPUT ${files}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
      COMMAND protobuf::protoc --proto_path=${CMAKE_SOURCE_DIR}/proto --cpp_out=${out} ${plugin} ${proto}
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/proto
      DEPENDS ${CMAKE_SOURCE_DIR}/proto/${proto}
      VERBATIM)
    list(APPEND generated ${files})
  endforeach()
  add_library(${name} STATIC ${generated})
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  # Generated code is not ours: it is built with the same sanitizers but not with our warnings.
  target_link_libraries(${name} PRIVATE cairn_flags PUBLIC protobuf::libprotobuf ${ARG_DEPS})
  target_compile_options(${name} PRIVATE -w)
  target_precompile_headers(${name} REUSE_FROM cairn_pch_grpc)
  target_link_libraries(${name} PRIVATE absl::status fmt::fmt gRPC::grpc++)
  if(ARG_GRPC)
    target_link_libraries(${name} PUBLIC gRPC::grpc++)
  endif()
endfunction()
