#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "clients/cli/commands.h"
#include "clients/cli/fakes_for_test.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class GetTest : public CliTest {
 protected:
  // Every fetch is refused with `status`.
  void Refuse(absl::Status status) {
    peer_.SetFetchScript(
        [status](const v1::FetchRequest&, grpc::ServerContext*,
                 grpc::ServerWriter<v1::FetchResponse>*) { return ToGrpcStatus(status); });
  }

  static google::protobuf::Struct Parse(const std::string& json) {
    google::protobuf::Struct parsed;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &parsed).ok()) << json;
    return parsed;
  }
};

TEST_F(GetTest, GetsABookAndSaysFromWhom) {
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kDone);
  EXPECT_EQ(out(), "received 195 (1000 B) from peer 1\n");
  EXPECT_EQ(err(), "");
  ASSERT_EQ(peer_.fetches().size(), 1u);
  EXPECT_EQ(peer_.fetches()[0].name(), "195");
  EXPECT_FALSE(peer_.fetches()[0].has_content());
  EXPECT_EQ(index_.calls(), 0);
}

TEST_F(GetTest, PassesOnEveryOption) {
  EXPECT_EQ(
      RunGet(
          *session_,
          {.names = {"195"}, .from_peer_id = 3, .save_as = "Bu\u0308cher/195", .copy_only = true}),
      kDone);
  EXPECT_EQ(out(), "received Bücher/195 (1000 B) from peer 3 (peer 3 keeps its copy)\n");
  const v1::FetchRequest request = peer_.fetches().at(0);
  EXPECT_EQ(request.from_peer_id(), 3u);
  EXPECT_EQ(request.save_as(), "Bücher/195");
  EXPECT_TRUE(request.copy_only());
}

TEST_F(GetTest, ARootMayBeShort) {
  index_.AddResult(MakeResult("195", MakeContent(0xab, 5), {MakeHolder(1, "a:1")}));
  index_.AddResult(MakeResult("195", MakeContent(0xac, 7), {MakeHolder(2, "b:1")}));
  index_.AddResult(MakeResult("195", MakeContent(0xad, 9), {MakeHolder(3, "c:1")}));
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}, .root = "AD1111"}), kDone);
  EXPECT_EQ(peer_.fetches().at(0).content().size_bytes(), 9u);
}

TEST_F(GetTest, ARootThatNobodyHasIsNotFound) {
  index_.AddResult(MakeResult("195", MakeContent(0xab, 5), {MakeHolder(1, "a:1")}));
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}, .root = "cccccc"}), kNotFound);
  EXPECT_THAT(err(), HasSubstr("no live peer has a book 195 whose root begins with cccccc"));
  EXPECT_THAT(peer_.fetches(), IsEmpty());
}

TEST_F(GetTest, ARootThatFitsTwoIsNotEnough) {
  index_.AddResult(MakeResult("195", MakeContent(0xab, 5), {MakeHolder(1, "a:1")}));
  index_.AddResult(MakeResult("195", MakeContent(0xab, 7), {MakeHolder(2, "b:1")}));
  index_.AddResult(MakeResult("195", MakeContent(0xcc, 7), {MakeHolder(2, "b:1")}));
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}, .root = "ab1111"}), kFailed);
  EXPECT_EQ(err(),
            "arkshare-cli: 195 is the name of several books; say which one with --root (the first "
            "digits will do) or --from PEER\n"
            "  ROOT          SIZE  AT\n"
            "  ab1111111111   5 B  peer 1\n"
            "  ab1111111111   7 B  peer 2\n");
}

TEST_F(GetTest, AnAmbiguousNameShowsItsCandidates) {
  index_.AddResult(
      MakeResult("195", MakeContent(0xab, 5), {MakeHolder(1, "a:1"), MakeHolder(4, "d:1")}));
  index_.AddResult(MakeResult("195", MakeContent(0xcc, 2048), {MakeHolder(2, "b:1")}));
  Refuse(MakeError(Reason::kAmbiguousName, "say which"));
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kFailed);
  EXPECT_THAT(err(), HasSubstr("--root (the first digits will do) or --from PEER\n"
                               "  ROOT             SIZE  AT\n"
                               "  ab1111111111      5 B  peers 1, 4\n"
                               "  cc1111111111  2.0 KiB  peer 2\n"));
}

TEST_F(GetTest, OfSeveralTheWorstCounts) {
  peer_.SetFetchScript([](const v1::FetchRequest& request, grpc::ServerContext*,
                          grpc::ServerWriter<v1::FetchResponse>* writer) {
    if (request.name() == "7")
      return ToGrpcStatus(MakeError(Reason::kBookNotFound, "book 7 not found"));
    if (request.name() == "8") return ToGrpcStatus(MakeError(Reason::kDiskFull, "make room"));
    v1::FetchResponse response;
    response.mutable_transfer()->set_name(request.name());
    response.mutable_transfer()->set_moving(true);
    response.mutable_transfer()->set_state(v1::TRANSFER_STATE_DONE);
    response.mutable_transfer()->set_message("named 9 (2), because 9 was taken");
    writer->Write(response);
    return grpc::Status::OK;
  });
  EXPECT_EQ(RunGet(*session_, {.names = {"7", "8", "9"}}), kNotFound);
  EXPECT_EQ(out(), "received 9 (0 B) (named 9 (2), because 9 was taken)\n");
  EXPECT_EQ(err(), "arkshare-cli: book 7 not found\narkshare-cli: 8: make room\n");
}

TEST_F(GetTest, AFailedTransferSaysWhy) {
  peer_.SetFetchScript([](const v1::FetchRequest&, grpc::ServerContext*,
                          grpc::ServerWriter<v1::FetchResponse>* writer) {
    v1::FetchResponse response;
    response.mutable_transfer()->set_state(v1::TRANSFER_STATE_FAILED);
    *response.mutable_transfer()->mutable_error() =
        ToItemError(MakeError(Reason::kNoHolderReachable, "no holder answers"));
    writer->Write(response);
    return grpc::Status::OK;
  });
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kUnreachable);
  EXPECT_EQ(err(), "arkshare-cli: 195: no holder answers\n");
}

TEST_F(GetTest, JsonIsATransferAlsoWhenItFailed) {
  session_->console.json = true;
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kDone);
  google::protobuf::Struct line = Parse(out());
  EXPECT_EQ(line.fields().at("name").string_value(), "195");
  EXPECT_EQ(line.fields().at("state").string_value(), "done");
  EXPECT_EQ(line.fields().at("from_peer_id").number_value(), 1);
  out_.str("");
  Refuse(MakeError(Reason::kBookNotFound, "nobody has it"));
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kNotFound);
  line = Parse(out());
  EXPECT_EQ(line.fields().at("state").string_value(), "failed");
  EXPECT_EQ(line.fields().at("error").struct_value().fields().at("reason").string_value(),
            "BOOK_NOT_FOUND");
}

TEST_F(GetTest, OptionsThatCannotBeAreRefused) {
  EXPECT_EQ(RunGet(*session_, {.names = {"1", "2"}, .save_as = "x"}), kUsage);
  EXPECT_EQ(RunGet(*session_, {.names = {"1", "2"}, .root = "abcdef"}), kUsage);
  EXPECT_EQ(RunGet(*session_, {.names = {"1"}, .root = "abcde"}), kUsage);
  EXPECT_EQ(RunGet(*session_, {.names = {"1"}, .root = "nothex"}), kUsage);
  EXPECT_EQ(RunGet(*session_, {.names = {"../x"}}), kUsage);
  EXPECT_EQ(RunGet(*session_, {.names = {"1"}, .save_as = "/etc/passwd"}), kUsage);
  EXPECT_THAT(peer_.fetches(), IsEmpty());
}

TEST_F(GetTest, CtrlCLeavesTheTransferToThePeer) {
  peer_.SetFetchScript([this](const v1::FetchRequest&, grpc::ServerContext* context,
                              grpc::ServerWriter<v1::FetchResponse>*) {
    interrupts_.Trigger();
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  });
  EXPECT_EQ(RunGet(*session_, {.names = {"195", "196"}}), 130);
  EXPECT_EQ(err(), "the peer goes on with it; arkshare-cli transfers shows how far it is\n");
  EXPECT_EQ(peer_.fetches().size(), 1u);
}

TEST_F(GetTest, ALongOneShowsABarOnATerminal) {
  session_->console.err_is_terminal = true;
  peer_.SetFetchScript([this](const v1::FetchRequest& request, grpc::ServerContext*,
                              grpc::ServerWriter<v1::FetchResponse>* writer) {
    v1::FetchResponse response;
    v1::Transfer& transfer = *response.mutable_transfer();
    transfer.set_name(request.name());
    *transfer.mutable_content() = MakeContent(1, 4096);
    transfer.set_state(v1::TRANSFER_STATE_QUEUED);
    transfer.set_queue_position(2);
    clock_.Advance(absl::Seconds(2));
    writer->Write(response);
    transfer.set_state(v1::TRANSFER_STATE_DONE);
    transfer.set_bytes_done(4096);
    transfer.set_moving(true);
    writer->Write(response);
    return grpc::Status::OK;
  });
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kDone);
  EXPECT_THAT(err(), StartsWith("\r195  waiting for an upload slot, 2 before you\033[K\r195  [##"));
  EXPECT_EQ(out(), "received 195 (4.0 KiB)\n");
}

}  // namespace
}  // namespace arkshare
