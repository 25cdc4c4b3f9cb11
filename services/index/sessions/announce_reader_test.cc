#include "services/index/sessions/announce_reader.h"

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "arkshare/v1/index.pb.h"
#include "lib/core/errors.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/host_port.h"
#include "services/index/testing/sample_books.h"

namespace arkshare {
namespace {

absl::StatusOr<AnnounceMessage> ReadCopy(absl::string_view bytes) {
  // Copied to the heap at its exact size, so that sanitizers notice a read beyond its end.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  return ReadAnnouncement({exact.data(), exact.size()});
}

// AnnounceRequest with texts of any bytes: for protobuf a text that is not UTF-8 makes a malformed
// message, for the index an invalid statement.
class AnyNames {
 public:
  AnyNames() { Build(v1::AnnounceRequest::descriptor()->file()); }
  bool IsMessage(const std::string& bytes) {
    const std::string& type = v1::AnnounceRequest::descriptor()->full_name();
    const std::unique_ptr<google::protobuf::Message> message(
        factory_.GetPrototype(pool_.FindMessageTypeByName(type))->New());
    return message->ParseFromString(bytes);
  }

 private:
  void Build(const google::protobuf::FileDescriptor* file) {
    if (pool_.FindFileByName(file->name()) != nullptr) return;
    for (int i = 0; i < file->dependency_count(); ++i) Build(file->dependency(i));
    google::protobuf::FileDescriptorProto copy;
    file->CopyTo(&copy);
    for (auto& message : *copy.mutable_message_type()) {
      for (auto& field : *message.mutable_field()) {
        if ((message.name() == "Listing" && field.name() == "name") ||
            (message.name() == "AnnounceRequest" && field.name() == "local_address")) {
          field.set_type(google::protobuf::FieldDescriptorProto::TYPE_BYTES);
        }
      }
    }
    pool_.BuildFile(copy);
  }

  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_{&pool_};
};

// Does the same with protobuf's own parser.
absl::StatusOr<AnnounceMessage> ReadByProtobuf(const std::string& bytes) {
  const google::protobuf::LogSilencer silence;  // about names that are not UTF-8
  v1::AnnounceRequest request;
  if (!request.ParseFromString(bytes)) return absl::DataLossError("");
  if (request.statements_size() > 1'000) {
    return MakeError(Reason::kInvalidField,
                     absl::StrCat("at most 1000 statements fit in a message, "
                                  "not ",
                                  request.statements_size()));
  }
  AnnounceMessage read;
  read.local_address = request.local_address();
  if (!read.local_address.empty() && !IsPrivateAddress(read.local_address)) {
    return MakeError(Reason::kInvalidField,
                     "local_address must be IP:PORT with a private address, such as "
                     "192.168.1.5:4000");
  }
  read.members_version = request.members_version();
  read.members_digest = request.members_digest();
  read.members_signature = request.members_signature();
  read.first_sequence = request.first_sequence();
  read.snapshot_complete = request.snapshot_complete();
  read.free_slots = request.free_slots();
  read.upload_limit = request.upload_limit();
  for (const v1::Statement& statement : request.statements()) {
    absl::Status objection;
    if (statement.has_present()) {
      const absl::StatusOr<BookListing> listing = FromProto(statement.present());
      objection = listing.status();
      if (listing.ok()) read.statements.push_back(StatementRecord::Present(*listing));
    } else if (statement.statement_case() == v1::Statement::STATEMENT_NOT_SET) {
      objection = MakeError(Reason::kInvalidField, "a statement must be present or gone");
    } else if (statement.gone_listing_number() == 0) {
      objection = MakeError(Reason::kInvalidField, "gone_listing_number must be 1 or more");
    } else {
      read.statements.push_back(StatementRecord::Gone(statement.gone_listing_number()));
    }
    if (!objection.ok()) {
      return MakeError(GetReason(objection),
                       absl::StrCat("statement ", read.first_sequence + read.statements.size(),
                                    ": ", objection.message()));
    }
  }
  return read;
}

v1::Statement StatedProto(uint64_t number, const std::string& name) {
  v1::Statement statement;
  *statement.mutable_present() = ToProto(TestListing(number, name, number));
  return statement;
}

v1::AnnounceRequest SomeRequest() {
  v1::AnnounceRequest request;
  request.set_first_sequence(70'000);
  *request.add_statements() = StatedProto(1, "Music/Bach - Fugue.mp3");
  request.add_statements()->set_gone_listing_number(300);
  *request.add_statements() = StatedProto(uint64_t{1} << 60, "Grüße.txt");
  request.mutable_statements(2)->mutable_present()->set_partial(true);
  request.set_snapshot_complete(true);
  request.set_free_slots(5);
  request.set_upload_limit(~uint64_t{0});
  request.set_members_version(300);
  request.set_members_digest("digest");
  request.set_members_signature("signature");
  request.set_local_address("192.168.1.5:4000");
  return request;
}

// Checks that both readers return the same for the bytes.
void ExpectSame(const std::string& bytes) {
  const absl::StatusOr<AnnounceMessage> read = ReadCopy(bytes);
  const absl::StatusOr<AnnounceMessage> expected = ReadByProtobuf(bytes);
  static AnyNames any_names;
  ASSERT_EQ(!absl::IsDataLoss(read.status()), any_names.IsMessage(bytes))
      << testing::PrintToString(bytes);
  if (absl::IsDataLoss(expected.status())) return;
  ASSERT_EQ(read.status(), expected.status()) << testing::PrintToString(bytes);
  if (!read.ok()) return;
  EXPECT_EQ(read->first_sequence, expected->first_sequence);
  EXPECT_EQ(read->snapshot_complete, expected->snapshot_complete);
  EXPECT_EQ(read->free_slots, expected->free_slots);
  EXPECT_EQ(read->upload_limit, expected->upload_limit);
  EXPECT_EQ(read->members_version, expected->members_version);
  EXPECT_EQ(read->local_address, expected->local_address);
  EXPECT_EQ(read->members_digest, expected->members_digest);
  EXPECT_EQ(read->members_signature, expected->members_signature);
  ASSERT_EQ(read->statements.size(), expected->statements.size());
  for (size_t i = 0; i < read->statements.size(); ++i) {
    EXPECT_EQ(read->statements[i].number, expected->statements[i].number);
    EXPECT_EQ(read->statements[i].present, expected->statements[i].present);
  }
}

TEST(AnnounceReaderTest, ReadsWhatProtobufWrites) {
  const absl::StatusOr<Announcement> read = ReadCopy(SomeRequest().SerializeAsString());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->first_sequence, 70'000u);
  ASSERT_EQ(read->statements.size(), 3u);
  EXPECT_EQ(read->statements[0].present, TestListing(1, "Music/Bach - Fugue.mp3", 1));
  EXPECT_EQ(read->statements[1].number, 300u);
  EXPECT_FALSE(read->statements[1].present.has_value());
  EXPECT_TRUE(read->statements[2].present->partial);
  ExpectSame(SomeRequest().SerializeAsString());
  ExpectSame("");
}

TEST(AnnounceReaderTest, RefusesInvalidStatements) {
  const auto refused = [](const v1::AnnounceRequest& request) {
    const std::string bytes = request.SerializeAsString();
    ExpectSame(bytes);
    return std::string(ReadCopy(bytes).status().message());
  };
  v1::AnnounceRequest request;
  request.set_first_sequence(10);
  *request.add_statements() = StatedProto(1, "a");
  v1::Statement* second = request.add_statements();
  EXPECT_EQ(refused(request), "statement 11: a statement must be present or gone");
  second->set_gone_listing_number(0);
  EXPECT_EQ(refused(request), "statement 11: gone_listing_number must be 1 or more");
  *second = StatedProto(2, "b");
  second->mutable_present()->set_name("a//b");
  EXPECT_NE(refused(request).find("statement 11: \"a//b\" cannot name a book"), std::string::npos);
  second->mutable_present()->set_name("b");
  second->mutable_present()->set_listing_number(0);
  EXPECT_EQ(refused(request), "statement 11: listing_number must be 1 or more");
  second->mutable_present()->set_listing_number(2);
  second->mutable_present()->mutable_content()->set_root("short");
  EXPECT_EQ(refused(request), "statement 11: content.root must be 32 bytes, not 5");
  second->mutable_present()->clear_content();
  EXPECT_EQ(refused(request), "statement 11: content.root must be 32 bytes, not 0");
  // The limit is checked first, whatever else is wrong.
  for (int i = 2; i <= 1'000; ++i) *request.add_statements() = StatedProto(3, "c");
  EXPECT_EQ(refused(request), "at most 1000 statements fit in a message, not 1001");
  *second = StatedProto(2, "b");
  request.mutable_statements()->RemoveLast();
  EXPECT_EQ(refused(request), "");
}

TEST(AnnounceReaderTest, RepeatedFieldsAreMergedAsInProtobuf) {
  v1::AnnounceRequest first = SomeRequest();
  v1::AnnounceRequest second;
  second.set_free_slots(9);
  *second.add_statements() = StatedProto(8, "again");
  ExpectSame(first.SerializeAsString() + second.SerializeAsString());

  // Within a statement: a listing in two parts; gone between two parts, or at the end.
  v1::Statement name;
  name.mutable_present()->set_name("renamed");
  v1::Statement root;
  root.mutable_present()->mutable_content()->set_size_bytes(77);
  v1::Statement gone;
  gone.set_gone_listing_number(4);
  const std::string whole = StatedProto(1, "a").SerializeAsString();
  for (const std::string& statement :
       {whole + name.SerializeAsString() + root.SerializeAsString(),
        whole + gone.SerializeAsString() + name.SerializeAsString(),
        whole + gone.SerializeAsString(), gone.SerializeAsString() + whole}) {
    ExpectSame(
        absl::StrCat("\x12", std::string(1, static_cast<char>(statement.size())), statement));
  }
}

TEST(AnnounceReaderTest, EveryBeginningAndManyMutationsAreReadAsProtobufReadsThem) {
  const std::string whole = SomeRequest().SerializeAsString();
  for (size_t size = 0; size <= whole.size(); ++size) ExpectSame(whole.substr(0, size));
  std::minstd_rand random(2026);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = whole;
    for (uint64_t changes = 1 + random() % 4; changes > 0; --changes) {
      const size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random() % 256);
          break;
        case 1:
          bytes.erase(at, 1 + random() % 4);
          break;
        default:
          bytes.insert(at, 1, static_cast<char>(random() % 256));
      }
      if (bytes.empty()) bytes = whole;
    }
    ExpectSame(bytes);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace arkshare
