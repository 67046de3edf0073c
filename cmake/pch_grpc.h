// The light set plus gRPC and Protobuf, which cost seconds to parse.
#pragma once

#include <google/protobuf/arena.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include "cmake/pch_light.h"
