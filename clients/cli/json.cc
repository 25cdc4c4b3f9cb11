#include "clients/cli/json.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <absl/strings/strip.h>
#include <absl/time/time.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>
#include <utf8proc.h>

#include "lib/core/content_id.h"

namespace arkshare {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;

// Control, bidirectional and line-separating characters.
bool DrivesTerminal(utf8proc_int32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || c == 0x200e || c == 0x200f ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

// "move" for SHARE_POLICY_MOVE: the enum's first value, PREFIX_UNSPECIFIED, gives the prefix.
std::string EnumName(const EnumValueDescriptor& value) {
  absl::string_view prefix = value.type()->value(0)->name();
  absl::string_view name = value.name();
  if (absl::ConsumeSuffix(&prefix, "UNSPECIFIED")) absl::ConsumePrefix(&name, prefix);
  return absl::AsciiStrToLower(name);
}

std::string TimestampJson(const google::protobuf::Timestamp& time) {
  const absl::Time when = absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
  return JsonString(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", when, absl::UTCTimeZone()));
}

// "1.5s", as in the JSON mapping of Protocol Buffers.
std::string DurationJson(const google::protobuf::Duration& duration) {
  return JsonString(google::protobuf::util::TimeUtil::ToString(duration));
}

std::string MessageJson(const google::protobuf::Message& message) {
  if (message.GetDescriptor() == google::protobuf::Duration::descriptor()) {
    return DurationJson(static_cast<const google::protobuf::Duration&>(message));
  }
  if (message.GetDescriptor() == google::protobuf::Timestamp::descriptor()) {
    return TimestampJson(static_cast<const google::protobuf::Timestamp&>(message));
  }
  return ToJson(message);
}

// `index` is -1 for a field that is not repeated.
std::string ValueJson(const google::protobuf::Message& message, const FieldDescriptor& field,
                      int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL: {
      const bool value = one ? reflection.GetBool(message, &field)
                             : reflection.GetRepeatedBool(message, &field, index);
      return value ? "true" : "false";
    }
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(one ? reflection.GetInt32(message, &field)
                              : reflection.GetRepeatedInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_INT64:
      return absl::StrCat(one ? reflection.GetInt64(message, &field)
                              : reflection.GetRepeatedInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(one ? reflection.GetUInt32(message, &field)
                              : reflection.GetRepeatedUInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(one ? reflection.GetUInt64(message, &field)
                              : reflection.GetRepeatedUInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_ENUM:
      return JsonString(EnumName(one ? *reflection.GetEnum(message, &field)
                                     : *reflection.GetRepeatedEnum(message, &field, index)));
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string value = one ? reflection.GetString(message, &field)
                                    : reflection.GetRepeatedString(message, &field, index);
      if (field.type() == FieldDescriptor::TYPE_BYTES) return JsonString(ToHex(value));
      return JsonString(value);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return MessageJson(one ? reflection.GetMessage(message, &field)
                             : reflection.GetRepeatedMessage(message, &field, index));
    default:
      return "null";  // Our protos have no floating-point fields.
  }
}

std::string MapJson(const google::protobuf::Message& message, const FieldDescriptor& field) {
  const FieldDescriptor& key = *field.message_type()->map_key();
  const FieldDescriptor& value = *field.message_type()->map_value();
  const Reflection& reflection = *message.GetReflection();
  std::string members;
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const google::protobuf::Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    absl::StrAppend(&members, i == 0 ? "" : ",", ValueJson(entry, key, -1), ":",
                    ValueJson(entry, value, -1));
  }
  return absl::StrCat("{", members, "}");
}

std::string ListJson(const google::protobuf::Message& message, const FieldDescriptor& field) {
  std::string items;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    absl::StrAppend(&items, i == 0 ? "" : ",", ValueJson(message, field, i));
  }
  return absl::StrCat("[", items, "]");
}

}  // namespace

std::string JsonString(absl::string_view text) {
  std::string out = "\"";
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t c = 0;
    utf8proc_ssize_t used = utf8proc_iterate(at, left, &c);
    if (used <= 0) {
      absl::StrAppend(&out, "\xEF\xBF\xBD");
      used = 1;
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (DrivesTerminal(c)) {
      absl::StrAppendFormat(&out, "\\u%04x", c);
    } else {
      out.append(reinterpret_cast<const char*>(at), static_cast<size_t>(used));
    }
    at += used;
    left -= used;
  }
  out.push_back('"');
  return out;
}

std::string ToJson(const google::protobuf::Message& message) {
  std::string members;
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    if (field.has_presence() && !message.GetReflection()->HasField(message, &field)) continue;
    // A nested message of the same type (WatchResponse.more) is printed separately by the caller.
    if (field.message_type() == message.GetDescriptor()) continue;
    absl::StrAppend(&members, members.empty() ? "" : ",", JsonString(field.name()), ":",
                    field.is_map()        ? MapJson(message, field)
                    : field.is_repeated() ? ListJson(message, field)
                                          : ValueJson(message, field, -1));
  }
  return absl::StrCat("{", members, "}");
}

JsonObject& JsonObject::Add(absl::string_view key, absl::string_view value) {
  return AddRaw(key, JsonString(value));
}

JsonObject& JsonObject::Add(absl::string_view key, uint64_t value) {
  return AddRaw(key, absl::StrCat(value));
}

JsonObject& JsonObject::Add(absl::string_view key, double value) {
  return AddRaw(key, absl::StrFormat("%.9f", value));
}

JsonObject& JsonObject::Add(absl::string_view key, bool value) {
  return AddRaw(key, value ? "true" : "false");
}

JsonObject& JsonObject::Add(absl::string_view key, const google::protobuf::Message& value) {
  return AddRaw(key, ToJson(value));
}

std::string JsonObject::Finish() const { return absl::StrCat("{", members_, "}"); }

JsonObject& JsonObject::AddRaw(absl::string_view key, absl::string_view value) {
  absl::StrAppend(&members_, members_.empty() ? "" : ",", JsonString(key), ":", value);
  return *this;
}

}  // namespace arkshare
