# Version and commit for --version. The commit is read at every build, and the header is rewritten only when it changed.

add_custom_target(cairn_version_header
  COMMAND ${CMAKE_COMMAND} -DOUT=${CMAKE_BINARY_DIR}/generated/cairn_version.h -DVERSION=${PROJECT_VERSION}
          -DSOURCE=${CMAKE_SOURCE_DIR} -P ${CMAKE_SOURCE_DIR}/cmake/WriteVersion.cmake
  BYPRODUCTS ${CMAKE_BINARY_DIR}/generated/cairn_version.h
  VERBATIM)
add_library(cairn_version INTERFACE)
add_dependencies(cairn_version cairn_version_header)
target_include_directories(cairn_version INTERFACE ${CMAKE_BINARY_DIR}/generated)
