#include "cmd/cairnctl/go_json.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include "cmd/cairnctl/go_text.h"
#include "raft/base/assert.h"

namespace cairn::ctl {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// response_put -> ResponsePut, as Go names things.
std::string GoName(const std::string& name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (c == '_') {
      upper = true;
    } else {
      out += upper ? static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) : c;
      upper = false;
    }
  }
  return out;
}

std::string Text(const FieldDescriptor& field, const std::string& value) {
  if (field.type() == FieldDescriptor::TYPE_BYTES) return '"' + Base64(value) + '"';
  return JsonString(value);
}

// The value of a field that is not repeated.
std::string Single(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return std::to_string(reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return std::to_string(reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(reflection.GetUInt32(message, &field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return std::to_string(reflection.GetUInt64(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.GetBool(message, &field) ? "true" : "false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return std::to_string(reflection.GetEnumValue(message, &field));
    case FieldDescriptor::CPPTYPE_STRING:
      return Text(field, reflection.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return GoJson(reflection.GetMessage(message, &field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      break;
  }
  CAIRN_ASSERT(false, "etcd's messages have no field like {}", field.full_name());
  return "";
}

std::string Repeated(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  std::string out = "[";
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    if (i > 0) out += ',';
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      out += GoJson(reflection.GetRepeatedMessage(message, &field, i));
    } else {
      CAIRN_ASSERT(field.cpp_type() == FieldDescriptor::CPPTYPE_STRING, "no list like {}", field.full_name());
      out += Text(field, reflection.GetRepeatedString(message, &field, i));
    }
  }
  return out + ']';
}

}  // namespace

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const auto [length, point] = DecodeUtf8(text);
    if (length == 0) {
      out += "\\ufffd";
    } else if (point == '"' || point == '\\') {
      out += '\\';
      out += text[0];
    } else if (point == '\n') {
      out += "\\n";
    } else if (point == '\r') {
      out += "\\r";
    } else if (point == '\t') {
      out += "\\t";
    } else if (point < 0x20 || point == '<' || point == '>' || point == '&' || point == 0x2028 ||
               point == 0x2029) {
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(point));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out + '"';
}

std::string GoJson(const Message& message) {
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  std::string out = "{";
  const auto add = [&](const std::string& name, const std::string& value) {
    if (out.size() > 1) out += ',';
    out += '"' + name + "\":" + value;
  };
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated()) {
      if (reflection.FieldSize(message, &field) > 0) add(field.name(), Repeated(message, field));
    } else if (!reflection.HasField(message, &field)) {
      continue;  // Zero.
    } else if (field.containing_oneof() != nullptr) {
      add(GoName(field.containing_oneof()->name()),
          "{\"" + GoName(field.name()) + "\":" + Single(message, field) + '}');
    } else {
      add(field.name(), Single(message, field));
    }
  }
  return out + '}';
}

}  // namespace cairn::ctl
