#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>

namespace cairn::ctl {

// A JSON string as Go's encoder writes it: <, > and & escaped, bytes that are not UTF-8 replaced.
std::string JsonString(std::string_view text);

// A protobuf message as etcdctl prints it, which is not protobuf's own JSON mapping: fields in the order of
// the definition under their names in it, left out when zero; numbers and enums as numbers, bytes in base64;
// members of a oneof wrapped as {"Response":{"ResponsePut":{…}}}.
std::string GoJson(const google::protobuf::Message& message);

}  // namespace cairn::ctl
