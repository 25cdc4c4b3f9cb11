#include "clients/cli/json.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>

#include "arkshare/v1/index.pb.h"
#include "arkshare/v1/peer.pb.h"
#include "clients/cli/testing/cli_fixture.h"
#include "lib/core/content_id.h"

namespace arkshare {
namespace {

// Parses with a parser that is not ours.
google::protobuf::Struct Parse(const std::string& json) {
  google::protobuf::Struct parsed;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &parsed);
  EXPECT_TRUE(status.ok()) << json << ": " << status.ToString();
  return parsed;
}

std::string RoundTrip(const std::string& text) {
  return Parse("{\"x\":" + JsonString(text) + "}").fields().at("x").string_value();
}

TEST(JsonStringTest, ComesBackAsItWas) {
  for (const char* text : {"", "plain", "\"quoted\" \\ /", "tab\tline\nnull-ish\x01 del\x7f",
                           "Bücher 日本 \U0001F4D6", "\u202Eevil\u2028\u0085"}) {
    EXPECT_EQ(RoundTrip(text), text);
  }
}

TEST(JsonStringTest, HidesNothingFromATerminal) {
  EXPECT_EQ(JsonString("a\x1b[31m\u202Eb"), "\"a\\u001b[31m\\u202eb\"");
}

TEST(JsonStringTest, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(JsonString("a\xff\xe6\x97z"), "\"a\uFFFD\uFFFD\uFFFDz\"");
}

TEST(ToJsonTest, NamesFieldsAsTheProtoDoes) {
  v1::SearchResponse::Result result =
      MakeResult("195", MakeContent(0xab, 5'000'000'000), {MakeHolder(1, "127.0.0.1:41931")});
  EXPECT_EQ(
      ToJson(result),
      "{\"name\":\"195\",\"content\":{\"root\":\"ab" +
          [] {
            std::string rest;
            for (int i = 0; i < 31; ++i) rest += "11";
            return rest;
          }() +
          "\",\"size_bytes\":5000000000},\"holders\":[{\"peer_id\":1,\"public_key\":\"" +
          ToHex(MakeHolder(1, "").public_key()) +
          "\",\"address\":\"127.0.0.1:41931\",\"listing_number\":1,"
          "\"policy\":\"move\",\"free_slots\":0,\"upload_limit\":0,\"partial\":false,"
          "\"relay_port\":0}],\"holder_"
          "count\":1}");
  Parse(ToJson(result));
}

TEST(ToJsonTest, ValuesOfEveryKind) {
  v1::Transfer transfer;
  transfer.set_transfer_id("\x01\xfe");
  transfer.set_state(v1::TRANSFER_STATE_HANDING_OVER);
  transfer.set_moving(true);
  transfer.mutable_start_time()->set_seconds(1'700'000'000);
  transfer.mutable_start_time()->set_nanos(5'000'000);
  transfer.mutable_error()->set_reason("BOOK_MOVED");
  (*transfer.mutable_error()->mutable_metadata())["moved_to_public_key"] = "00ff";
  const auto fields = Parse(ToJson(transfer)).fields();
  EXPECT_EQ(fields.at("transfer_id").string_value(), "01fe");
  EXPECT_EQ(fields.at("state").string_value(), "handing_over");
  EXPECT_TRUE(fields.at("moving").bool_value());
  EXPECT_EQ(fields.at("bytes_done").number_value(), 0);
  EXPECT_EQ(fields.at("start_time").string_value(), "2023-11-14T22:13:20.005Z");
  EXPECT_EQ(fields.count("end_time"), 0u);
  const auto& error = fields.at("error").struct_value().fields();
  EXPECT_EQ(error.at("metadata").struct_value().fields().at("moved_to_public_key").string_value(),
            "00ff");
}

TEST(ToJsonTest, OneofsAppearOnlyWhenSet) {
  v1::WatchResponse event;
  event.set_revision(7);
  event.mutable_snapshot_complete();
  EXPECT_EQ(ToJson(event), "{\"revision\":7,\"boot_id\":\"\",\"snapshot_complete\":{}}");
}

TEST(JsonObjectTest, KeepsTypesApart) {
  JsonObject object;
  object.Add("a", "text")
      .Add("b", uint64_t{18'446'744'073'709'551'615u})
      .Add("c", 0.25)
      .Add("d", true);
  EXPECT_EQ(object.Finish(),
            "{\"a\":\"text\",\"b\":18446744073709551615,\"c\":0.250000000,\"d\":true}");
}

}  // namespace
}  // namespace arkshare
