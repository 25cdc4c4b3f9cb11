#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "clients/cli/commands.h"
#include "clients/cli/fetch.h"
#include "clients/cli/testing/cli_fixture.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class GetTest : public CliTest {
 protected:
  // Every fetch is refused with `status`.
  void Refuse(absl::Status status) {
    peer_.fetches().SetFetchScript(
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
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kExitDone);
  EXPECT_EQ(out(), "received 195 (1000 B) from peer 1\n");
  EXPECT_EQ(err(), "");
  ASSERT_EQ(peer_.fetches().all().size(), 1u);
  EXPECT_EQ(peer_.fetches().all()[0].name(), "195");
  EXPECT_FALSE(peer_.fetches().all()[0].has_content());
  EXPECT_EQ(index_.calls(), 0);
}

TEST_F(GetTest, NamesTheSourcesOfACopyAndOfAMovedBook) {
  v1::Transfer transfer;
  transfer.set_state(v1::TRANSFER_STATE_DONE);
  transfer.set_from_peer_id(1);
  for (uint32_t id = 2; id < 4; ++id) transfer.add_contributions()->set_peer_id(id);
  EXPECT_EQ(SourcesInWords(transfer, {}), "2, 3");
  transfer.set_moving(true);
  EXPECT_EQ(SourcesInWords(transfer, {}), "1");
}

TEST_F(GetTest, SaysHowTheBytesCame) {
  v1::Transfer transfer;
  transfer.set_state(v1::TRANSFER_STATE_DONE);
  transfer.set_from_peer_id(1);
  for (uint32_t id = 2; id < 5; ++id) transfer.add_contributions()->set_peer_id(id);
  transfer.mutable_contributions(0)->set_called_back(true);
  // It came when it was called, and later it could not.
  transfer.mutable_contributions(1)->set_called_back(true);
  transfer.mutable_contributions(1)->set_relayed(true);
  EXPECT_EQ(SourcesInWords(transfer, {}), "2 (called back), 3 (through the relay), 4");
}

TEST_F(GetTest, PassesOnEveryOption) {
  EXPECT_EQ(
      RunGet(
          *session_,
          {.names = {"195"}, .from_peer_id = 3, .save_as = "Bu\u0308cher/195", .copy_only = true}),
      kExitDone);
  EXPECT_EQ(out(), "received Bücher/195 (1000 B) from peer 3 (peer 3 keeps its copy)\n");
  const v1::FetchRequest request = peer_.fetches().all().at(0);
  EXPECT_EQ(request.from_peer_id(), 3u);
  EXPECT_EQ(request.save_as(), "Bücher/195");
  EXPECT_TRUE(request.copy_only());
}

TEST_F(GetTest, ARootMayBeShort) {
  index_.AddResult(MakeResult("195", MakeContent(0xab, 5), {MakeHolder(1, "a:1")}));
  index_.AddResult(MakeResult("195", MakeContent(0xac, 7), {MakeHolder(2, "b:1")}));
  index_.AddResult(MakeResult("195", MakeContent(0xad, 9), {MakeHolder(3, "c:1")}));
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}, .root = "AD1111"}), kExitDone);
  EXPECT_EQ(peer_.fetches().all().at(0).content().size_bytes(), 9u);
}

TEST_F(GetTest, ARootThatNoPeerHasIsNotFound) {
  index_.AddResult(MakeResult("195", MakeContent(0xab, 5), {MakeHolder(1, "a:1")}));
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}, .root = "cccccc"}), kExitNotFound);
  EXPECT_THAT(err(), HasSubstr("no live peer has a book 195 whose root begins with cccccc"));
  EXPECT_THAT(peer_.fetches().all(), IsEmpty());
}

TEST_F(GetTest, ARootThatFitsTwoContentsIsAmbiguous) {
  index_.AddResult(MakeResult("195", MakeContent(0xab, 5), {MakeHolder(1, "a:1")}));
  index_.AddResult(MakeResult("195", MakeContent(0xab, 7), {MakeHolder(2, "b:1")}));
  index_.AddResult(MakeResult("195", MakeContent(0xcc, 7), {MakeHolder(2, "b:1")}));
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}, .root = "ab1111"}), kExitFailed);
  EXPECT_EQ(err(),
            "arkshare-cli: 195 is the name of several books; choose one with --root (the first 6 "
            "digits are enough) or --from PEER\n"
            "  ROOT          SIZE  AT\n"
            "  ab1111111111   5 B  peer 1\n"
            "  ab1111111111   7 B  peer 2\n");
}

TEST_F(GetTest, AnAmbiguousNameShowsItsCandidates) {
  index_.AddResult(
      MakeResult("195", MakeContent(0xab, 5), {MakeHolder(1, "a:1"), MakeHolder(4, "d:1")}));
  index_.AddResult(MakeResult("195", MakeContent(0xcc, 2048), {MakeHolder(2, "b:1")}));
  Refuse(MakeError(Reason::kAmbiguousName, "say which"));
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kExitFailed);
  EXPECT_THAT(err(), HasSubstr("--root (the first 6 digits are enough) or --from PEER\n"
                               "  ROOT             SIZE  AT\n"
                               "  ab1111111111      5 B  peers 1, 4\n"
                               "  cc1111111111  2.0 KiB  peer 2\n"));
}

TEST_F(GetTest, ReturnsTheWorstExitCodeOfSeveralBooks) {
  peer_.fetches().RefuseOfMany("7", MakeError(Reason::kBookNotFound, "book 7 not found"));
  peer_.fetches().RefuseOfMany("8", MakeError(Reason::kDiskFull, "make room"));
  EXPECT_EQ(RunGet(*session_, {.names = {"7", "8", "9"}}), kExitNotFound);
  EXPECT_EQ(out(), "received 1 book (1000 B); 2 failed\n");
  EXPECT_EQ(err(), "arkshare-cli: book 7 not found\narkshare-cli: 8: make room\n");
}

TEST_F(GetTest, SeveralBooksAreOneCall) {
  EXPECT_EQ(RunGet(*session_, {.names = {"1", "../2", "3"}, .from_peer_id = 4, .copy_only = true}),
            kExitUsage);
  EXPECT_EQ(out(), "received 2 books (2.0 KiB)\n");
  EXPECT_THAT(peer_.fetches().many_sizes(), ElementsAre(2));
  const std::vector<v1::FetchRequest> wishes = peer_.fetches().all();
  EXPECT_EQ(wishes.at(0).name(), "1");
  EXPECT_EQ(wishes.at(1).name(), "3");
  EXPECT_EQ(wishes.at(1).from_peer_id(), 4u);
  EXPECT_TRUE(wishes.at(1).copy_only());
}

TEST_F(GetTest, PrintsOnlyTheUnusualOnesOfSeveralBooks) {
  peer_.fetches().SetFetchManyScript([](const v1::FetchManyRequest& request, grpc::ServerContext*,
                                        grpc::ServerWriter<v1::FetchManyResponse>* writer) {
    v1::FetchManyResponse response;
    for (int i = 0; i < request.wishes_size(); ++i) {
      v1::FetchManyResponse::Update* update = response.add_updates();
      update->set_index(static_cast<uint32_t>(i));
      update->mutable_transfer()->set_name(request.wishes(i).name());
      update->mutable_transfer()->set_state(v1::TRANSFER_STATE_DONE);
      if (i == 1) update->mutable_transfer()->set_message("saved as 9 (2)");
    }
    writer->Write(response);
    return grpc::Status::OK;
  });
  EXPECT_EQ(RunGet(*session_, {.names = {"8", "9"}}), kExitDone);
  EXPECT_EQ(out(), "received 9 (0 B) (saved as 9 (2))\nreceived 2 books (0 B)\n");
}

TEST_F(GetTest, PrintsOneJsonLineForEachOfSeveralBooks) {
  session_->console.json = true;
  peer_.fetches().RefuseOfMany("7", MakeError(Reason::kBookNotFound, "book 7 not found"));
  EXPECT_EQ(RunGet(*session_, {.names = {"7", "8"}}), kExitNotFound);
  const std::vector<std::string> lines = absl::StrSplit(out(), '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(Parse(lines[0]).fields().at("state").string_value(), "done");
  EXPECT_EQ(Parse(lines[1]).fields().at("state").string_value(), "failed");
}

TEST_F(GetTest, AllGetsEveryBookThatTheIndexListsForThePeer) {
  v1::Peer peer;
  peer.set_peer_id(3);
  peer.set_public_key(std::string(32, 'k'));
  peer.set_policy(v1::SHARE_POLICY_MOVE);
  index_.AddPeer(peer);
  for (uint64_t i = 1; i <= 2'500; ++i) {
    v1::Listing listing;
    listing.set_listing_number(i);
    listing.set_name(absl::StrCat("b", i));
    *listing.mutable_content() = MakeContent(1, 10);
    index_.AddListing(3, listing);
  }
  peer_.fetches().RefuseOfMany("b17", MakeError(Reason::kAlreadyInLibrary, "it is here"));
  peer_.fetches().RefuseOfMany("b18", MakeError(Reason::kNameTaken, "another has that name"));
  EXPECT_EQ(RunGet(*session_, {.all = true, .from_peer_id = 3}), kExitFailed);
  EXPECT_EQ(out(), "received 2498 books (24.4 KiB); 1 was here already; 1 failed\n");
  EXPECT_EQ(err(), "arkshare-cli: b18: another has that name\n");
  EXPECT_THAT(peer_.fetches().many_sizes(), ElementsAre(1000, 1000, 500));
  const v1::FetchRequest wish = peer_.fetches().all().at(0);
  EXPECT_EQ(wish.name(), "b1");
  EXPECT_EQ(wish.listing_number(), 1u);
  EXPECT_EQ(wish.from_peer_id(), 3u);
  EXPECT_EQ(wish.content().size_bytes(), 10u);
}

TEST_F(GetTest, AllOfAnUnknownPeerIsNotFound) {
  EXPECT_EQ(RunGet(*session_, {.all = true, .from_peer_id = 3}), kExitNotFound);
  EXPECT_THAT(peer_.fetches().many_sizes(), IsEmpty());
}

TEST_F(GetTest, ManySlowBooksShowOneBar) {
  session_->console.err_is_terminal = true;
  peer_.fetches().SetFetchManyScript([this](const v1::FetchManyRequest& request,
                                            grpc::ServerContext*,
                                            grpc::ServerWriter<v1::FetchManyResponse>* writer) {
    const auto say = [&](uint32_t index, uint64_t done, v1::TransferState state) {
      v1::FetchManyResponse response;
      v1::FetchManyResponse::Update* update = response.add_updates();
      update->set_index(index);
      v1::Transfer* transfer = update->mutable_transfer();
      transfer->set_name(request.wishes(static_cast<int>(index)).name());
      *transfer->mutable_content() = MakeContent(1, 4096);
      transfer->set_bytes_done(done);
      transfer->set_state(state);
      writer->Write(response);
    };
    clock_.Advance(absl::Seconds(2));
    say(0, 4096, v1::TRANSFER_STATE_DONE);
    say(1, 4096, v1::TRANSFER_STATE_DONE);
    return grpc::Status::OK;
  });
  EXPECT_EQ(RunGet(*session_, {.names = {"1", "2"}}), kExitDone);
  EXPECT_THAT(err(), StartsWith("\rgetting  [###########----"));
  EXPECT_THAT(err(), HasSubstr("]  1 of 2 books  4.0 KiB of 4.0 KiB"));
  EXPECT_THAT(err(), EndsWith("\r\033[K"));
  EXPECT_EQ(out(), "received 2 books (8.0 KiB)\n");
}

TEST_F(GetTest, AFailedTransferSaysWhy) {
  peer_.fetches().SetFetchScript([](const v1::FetchRequest&, grpc::ServerContext*,
                                    grpc::ServerWriter<v1::FetchResponse>* writer) {
    v1::FetchResponse response;
    response.mutable_transfer()->set_state(v1::TRANSFER_STATE_FAILED);
    *response.mutable_transfer()->mutable_error() =
        ToItemError(MakeError(Reason::kNoHolderReachable, "no holder answers"));
    writer->Write(response);
    return grpc::Status::OK;
  });
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kExitUnreachable);
  EXPECT_EQ(err(), "arkshare-cli: 195: no holder answers\n");
}

TEST_F(GetTest, JsonIsATransferAlsoWhenItFailed) {
  session_->console.json = true;
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kExitDone);
  google::protobuf::Struct line = Parse(out());
  EXPECT_EQ(line.fields().at("name").string_value(), "195");
  EXPECT_EQ(line.fields().at("state").string_value(), "done");
  EXPECT_EQ(line.fields().at("from_peer_id").number_value(), 1);
  out_.str("");
  Refuse(MakeError(Reason::kBookNotFound, "no live peer has it"));
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kExitNotFound);
  line = Parse(out());
  EXPECT_EQ(line.fields().at("state").string_value(), "failed");
  EXPECT_EQ(line.fields().at("error").struct_value().fields().at("reason").string_value(),
            "BOOK_NOT_FOUND");
}

TEST_F(GetTest, ContradictoryOptionsAreRefused) {
  EXPECT_EQ(RunGet(*session_, {.names = {"1", "2"}, .save_as = "x"}), kExitUsage);
  EXPECT_EQ(RunGet(*session_, {.names = {"1", "2"}, .root = "abcdef"}), kExitUsage);
  EXPECT_EQ(RunGet(*session_, {.names = {"1"}, .root = "abcde"}), kExitUsage);
  EXPECT_EQ(RunGet(*session_, {.names = {"1"}, .root = "nothex"}), kExitUsage);
  EXPECT_EQ(RunGet(*session_, {.names = {"../x"}}), kExitUsage);
  EXPECT_EQ(RunGet(*session_, {}), kExitUsage);
  EXPECT_EQ(RunGet(*session_, {.all = true}), kExitUsage);
  EXPECT_EQ(RunGet(*session_, {.names = {"1"}, .all = true, .from_peer_id = 3}), kExitUsage);
  EXPECT_EQ(RunGet(*session_, {.names = {"1"}, .save_as = "/etc/passwd"}), kExitUsage);
  EXPECT_THAT(peer_.fetches().all(), IsEmpty());
}

class GetInterruptTest : public GetTest,
                         public testing::WithParamInterface<std::vector<std::string>> {};

INSTANTIATE_TEST_SUITE_P(OneAndMany, GetInterruptTest,
                         testing::Values(std::vector<std::string>{"195"},
                                         std::vector<std::string>{"195", "196"}));

TEST_P(GetInterruptTest, CtrlCLeavesTheTransferToThePeer) {
  const auto interrupt = [this](grpc::ServerContext* context) {
    interrupts_.Trigger();
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  };
  peer_.fetches().SetFetchScript(
      [&](const v1::FetchRequest&, grpc::ServerContext* context,
          grpc::ServerWriter<v1::FetchResponse>*) { return interrupt(context); });
  peer_.fetches().SetFetchManyScript(
      [&](const v1::FetchManyRequest&, grpc::ServerContext* context,
          grpc::ServerWriter<v1::FetchManyResponse>*) { return interrupt(context); });
  const std::vector<std::string> names = GetParam();
  EXPECT_EQ(RunGet(*session_, {.names = names}), 130);
  EXPECT_EQ(err(),
            "the peer continues the download; arkshare-cli transfers shows progress, and "
            "arkshare-cli transfers cancel ends it\n");
  EXPECT_EQ(out(), "");
}

TEST_F(GetTest, ASlowTransferShowsABarOnATerminal) {
  session_->console.err_is_terminal = true;
  peer_.fetches().SetFetchScript([this](const v1::FetchRequest& request, grpc::ServerContext*,
                                        grpc::ServerWriter<v1::FetchResponse>* writer) {
    v1::FetchResponse response;
    v1::Transfer& transfer = *response.mutable_transfer();
    transfer.set_name(request.name());
    *transfer.mutable_content() = MakeContent(1, 4096);
    transfer.set_state(v1::TRANSFER_STATE_QUEUED);
    transfer.set_queue_position(2);
    transfer.mutable_estimated_wait()->set_seconds(21);
    clock_.Advance(absl::Seconds(2));
    writer->Write(response);
    transfer.set_state(v1::TRANSFER_STATE_DONE);
    transfer.set_bytes_done(4096);
    transfer.set_moving(true);
    writer->Write(response);
    return grpc::Status::OK;
  });
  EXPECT_EQ(RunGet(*session_, {.names = {"195"}}), kExitDone);
  EXPECT_THAT(err(), StartsWith("\r195  waiting: 2 before you, about 20 s\033[K\r195  [##"));
  EXPECT_EQ(out(), "received 195 (4.0 KiB)\n");
}

}  // namespace
}  // namespace arkshare
