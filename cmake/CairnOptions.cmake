# What may be chosen when configuring, and the flags that every target is built with.

option(CAIRN_TESTS "Build the tests" ON)
option(CAIRN_FUZZERS "Build the libFuzzer targets (needs clang)" OFF)
set(CAIRN_SANITIZE "" CACHE STRING "Sanitizers for everything we compile: '', 'address,undefined' or 'thread'")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

find_program(CCACHE ccache)
if(CCACHE)
  # ccache refuses precompiled headers unless it is told that their time stamps do not matter. With the base directory,
  # what one clone has compiled serves another: a clean clone is built in a minute where its like was built before.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

add_library(cairn_flags INTERFACE)
target_compile_options(cairn_flags INTERFACE -Wall -Wextra -Wconversion -Werror -fno-omit-frame-pointer)
target_include_directories(cairn_flags INTERFACE ${CMAKE_SOURCE_DIR})
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(cairn_flags INTERFACE -fpch-preprocess)
  # GCC 12 reports overlapping copies inside its own std::string at -O2 (GCC bug 105651).
  target_compile_options(cairn_flags INTERFACE -Wno-restrict)
elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # GCC's -Wconversion does not speak of signs in C++; clang's does.
  target_compile_options(cairn_flags INTERFACE -Wthread-safety -Wno-sign-conversion)
  # std::stable_sort of libstdc++ 12 calls what libstdc++ 12 deprecates. GCC knows, and checks our own code.
  target_compile_options(cairn_flags INTERFACE -Wno-deprecated-declarations)
endif()
if(CAIRN_SANITIZE)
  target_compile_options(cairn_flags INTERFACE -fsanitize=${CAIRN_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(cairn_flags INTERFACE -fsanitize=${CAIRN_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Sanitizers confuse GCC's flow analysis into false reports about absl::StatusOr (GCC bug 105616).
    target_compile_options(cairn_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
  if(CAIRN_SANITIZE MATCHES "thread")
    target_compile_options(cairn_flags INTERFACE -Wno-tsan)
  endif()
endif()
if(CAIRN_FUZZERS)
  target_compile_options(cairn_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  target_link_options(cairn_flags INTERFACE -fsanitize=address,undefined)
endif()
