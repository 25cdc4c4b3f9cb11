#include "clients/cli/menu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "clients/cli/testing/cli_fixture.h"
#include "lib/core/errors.h"
#include "lib/rpc/status.h"

namespace arkshare {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr char kOperations[] =
    "\n"
    "Operations:\n"
    "1. Query Book\n"
    "2. print library\n"
    "3. QUIT\n"
    "(Enter choice):\n";
constexpr char kLeaving[] = "leaving the menu; peer 5 shares on (arkshare-cli quit ends it)\n";

class MenuTest : public CliTest {
 protected:
  MenuTest() {
    quick_.online_timeout = absl::Milliseconds(4);
    quick_.trouble_timeout = absl::Milliseconds(2);
    quick_.quiet_time = absl::Milliseconds(1);
    quick_.poll_interval = absl::Milliseconds(1);
  }

  // The menu with `input` on a pipe that then ends.
  int Run(const std::string& input) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
    close(ends[1]);
    const std::unique_ptr<Terminal> terminal = Terminal::FromPipe(ends[0], out_, &interrupts_);
    const int exit_code = RunMenu(*session_, *terminal, quick_);
    close(ends[0]);
    return exit_code;
  }

  // The output after the first library list.
  std::string AfterStart() const {
    const std::string all = out();
    const size_t begin = all.find("\n\nOperations:");
    return begin == std::string::npos ? all : all.substr(begin + 1);
  }

  MenuOptions quick_;
};

TEST_F(MenuTest, PrintsTheFixedPhrases) {
  for (const char* name : {"164", "144", "233", "132", "297"}) {
    peer_.library().AddBook(name, MakeContent(1, 1000));
  }
  index_.AddResult(MakeResult("195", MakeContent(2, 5000), {MakeHolder(1, "127.0.0.1:41931")}));
  EXPECT_EQ(Run("1\n195\ny\n3\n"), kExitDone);
  EXPECT_EQ(out(), std::string("registered successfully with id 5\n"
                               "['164', '144', '233', '132', '297']\n") +
                       kOperations +
                       "enter the book name \n"
                       "[(1, '127.0.0.1', 41931)]\n"
                       "book found in peer 1 want to download (y for yes) \n"
                       "receiving data...\n"
                       "received the data\n"
                       "['164', '144', '233', '132', '297', '195']\n" +
                       kOperations + "--- Connection with Server closed ---\n");
  EXPECT_EQ(err(), "");
  EXPECT_EQ(peer_.shutdowns(), 1);
  ASSERT_EQ(peer_.fetches().all().size(), 1u);
  EXPECT_EQ(peer_.fetches().all()[0].name(), "195");
  EXPECT_EQ(peer_.fetches().all()[0].content().size_bytes(), 5000u);
  EXPECT_FALSE(peer_.fetches().all()[0].copy_only());
}

TEST_F(MenuTest, DoesNotAskTheIndexForABookThatIsHere) {
  peer_.library().AddBook("195", MakeContent(1, 1000));
  index_.AddResult(MakeResult("195", MakeContent(1, 1000), {MakeHolder(1, "127.0.0.1:41931")}));
  EXPECT_EQ(Run("1\n195\n"), kExitDone);
  EXPECT_EQ(AfterStart(), std::string(kOperations) +
                              "enter the book name \n"
                              "file already in your folder\n" +
                              kOperations + kLeaving);
  EXPECT_EQ(index_.calls(), 0);
}

TEST_F(MenuTest, ABookThatIsHereButNotSharedIsHereToo) {
  v1::LibraryEntry entry;
  entry.set_name("195");
  entry.set_unshared_reason("you unshared it");
  peer_.library().AddEntry(entry);
  EXPECT_EQ(Run("1\n195\n"), kExitDone);
  EXPECT_THAT(out(), HasSubstr("file already in your folder\n(but not shared: you unshared it)\n"));
  EXPECT_THAT(out(), HasSubstr("[]\n(1 other file is not shared; arkshare-cli ls says why)\n"));
  EXPECT_EQ(index_.calls(), 0);
}

TEST_F(MenuTest, ABookThatNoPeerHasIsNotFound) {
  EXPECT_EQ(Run("1\n234\n"), kExitDone);
  EXPECT_EQ(AfterStart(), std::string(kOperations) +
                              "enter the book name \n"
                              "book 234 not found\n" +
                              kOperations + kLeaving);
  EXPECT_EQ(index_.calls(), 1);
  EXPECT_TRUE(peer_.fetches().all().empty());
}

TEST_F(MenuTest, SaysThatALenderKeepsItsCopy) {
  index_.AddResult(MakeResult("195", MakeContent(2, 5000), {MakeHolder(1, "127.0.0.1:41931")}));
  peer_.fetches().SetFetchScript([](const v1::FetchRequest& request, grpc::ServerContext*,
                                    grpc::ServerWriter<v1::FetchResponse>* writer) {
    v1::FetchResponse response;
    response.mutable_transfer()->set_name(request.name());
    response.mutable_transfer()->set_from_peer_id(1);
    response.mutable_transfer()->set_state(v1::TRANSFER_STATE_DONE);
    writer->Write(response);
    return grpc::Status::OK;
  });
  EXPECT_EQ(Run("1\n195\nyes\n"), kExitDone);
  EXPECT_THAT(out(), HasSubstr("receiving data...\nreceived the data\n"
                               "(peer 1 keeps its copy: it only lends)\n[]\n"));
}

TEST_F(MenuTest, DownloadsOnlyOnYes) {
  index_.AddResult(MakeResult("195", MakeContent(2, 5000), {MakeHolder(1, "127.0.0.1:41931")}));
  EXPECT_EQ(Run("1\n195\nn\n1\n195\n\n"), kExitDone);
  EXPECT_TRUE(peer_.fetches().all().empty());
  EXPECT_THAT(out(), HasSubstr("(y for yes) \nnot downloaded\n"));
}

TEST_F(MenuTest, ListsSeveralHoldersInOrderOfNumber) {
  index_.AddResult(
      MakeResult("195", MakeContent(2, 5000),
                 {MakeHolder(4, "[::1]:41934"), MakeHolder(1, "books.example.org:41931")}));
  EXPECT_EQ(Run("1\n195\n"), kExitDone);
  EXPECT_THAT(out(), HasSubstr("[(1, 'books.example.org', 41931), (4, '::1', 41934)]\n"
                               "book found in peers 1, 4 want to download (y for yes) \n"));
}

TEST_F(MenuTest, AsksForThePeerWhenAContentHasToBeChosen) {
  index_.AddResult(
      MakeResult("195", MakeContent(0x2a, 5 * 1024), {MakeHolder(1, "127.0.0.1:41931")}));
  index_.AddResult(MakeResult("195", MakeContent(0x3b, 7 * 1024),
                              {MakeHolder(2, "127.0.0.1:41932"), MakeHolder(4, "127.0.0.1:4")}));
  // A third one is on another page.
  index_.AddResult(MakeResult("195", MakeContent(0x4c, 9 * 1024), {MakeHolder(3, "127.0.0.1:3")}));
  EXPECT_EQ(Run("1\n195\ny\n4\n"), kExitDone);
  EXPECT_THAT(out(), HasSubstr("3 different books have the name 195:\n"
                               "  1. 5.0 KiB, root 2a1111111111, at peer 1\n"
                               "  2. 7.0 KiB, root 3b1111111111, at peers 2, 4\n"
                               "  3. 9.0 KiB, root 4c1111111111, at peer 3\n"
                               "book found in peers 1, 2, 3, 4 want to download (y for yes) \n"
                               "from which peer \n"
                               "receiving data...\n"
                               "received the data\n"));
  ASSERT_EQ(peer_.fetches().all().size(), 1u);
  EXPECT_EQ(peer_.fetches().all()[0].from_peer_id(), 4u);
  EXPECT_EQ(peer_.fetches().all()[0].content().size_bytes(), 7u * 1024);
}

TEST_F(MenuTest, APeerWithoutTheBookIsNotAsked) {
  index_.AddResult(MakeResult("195", MakeContent(1, 5), {MakeHolder(1, "127.0.0.1:1")}));
  index_.AddResult(MakeResult("195", MakeContent(2, 7), {MakeHolder(2, "127.0.0.1:2")}));
  EXPECT_EQ(Run("1\n195\ny\n3\n2\n"), kExitDone);
  EXPECT_THAT(out(), HasSubstr("'3' is none of these peers; not downloaded\n"));
  EXPECT_TRUE(peer_.fetches().all().empty());
  EXPECT_EQ(peer_.shutdowns(), 0);
}

TEST_F(MenuTest, SaysWhatIsWrongWithAChoiceAndGoesOn) {
  EXPECT_EQ(Run("7\n\n  2 \nquit\x1b[31m\n"), kExitDone);
  EXPECT_EQ(AfterStart(),
            std::string(kOperations) + "'7' is not a choice; enter 1, 2 or 3\n" + kOperations +
                "nothing chosen; enter 1, 2 or 3\n" + kOperations + "[]\n" + kOperations +
                "'quit\\u{001B}[31m' is not a choice; enter 1, 2 or 3\n" + kOperations + kLeaving);
}

TEST_F(MenuTest, AnInvalidNameIsNotSearched) {
  EXPECT_EQ(Run("1\n../x\n1\n\n"), kExitDone);
  EXPECT_THAT(out(), HasSubstr("../x"));
  EXPECT_THAT(out(), HasSubstr("no name entered\n"));
  EXPECT_THAT(out(), Not(HasSubstr("not found")));
  EXPECT_EQ(index_.calls(), 0);
}

TEST_F(MenuTest, NamesAreComparedInNfcAndShownInAnyScript) {
  peer_.library().AddBook("Bücher 日本", MakeContent(1, 1000));
  peer_.library().AddBook("it's", MakeContent(2, 1000));
  // Typed decomposed.
  EXPECT_EQ(Run("1\nBu\u0308cher 日本\n"), kExitDone);
  EXPECT_THAT(out(), HasSubstr("['Bücher 日本', \"it's\"]\n"));
  EXPECT_THAT(out(), HasSubstr("file already in your folder\n"));
  EXPECT_EQ(index_.calls(), 0);
}

TEST_F(MenuTest, ALongLibraryIsShownByItsEnds) {
  for (int i = 1; i <= 501; ++i) peer_.library().AddBook(std::to_string(i), MakeContent(1, 1));
  EXPECT_EQ(Run(""), kExitDone);
  EXPECT_THAT(out(), HasSubstr("['1', '2', '3', "));
  EXPECT_THAT(out(), HasSubstr("'480', ..., '482', "));
  EXPECT_THAT(out(), HasSubstr("'501']\n(501 books; arkshare-cli ls lists them all)\n"));
}

TEST_F(MenuTest, WaitsUntilThePeerIsOnline) {
  v1::GetStatusResponse online = peer_.status();
  v1::GetStatusResponse offline = online;
  offline.set_online(false);
  offline.set_peer_id(0);
  peer_.SetStatus(online, {offline, offline, offline});
  EXPECT_EQ(Run(""), kExitDone);
  EXPECT_THAT(out(), testing::StartsWith("registering with the index at " + index_address_ +
                                         " ...\nregistered successfully with id 5\n[]\n"));
}

TEST_F(MenuTest, GoesOnOfflineAndSaysWhatToDo) {
  v1::GetStatusResponse status = peer_.status();
  status.set_online(false);
  status.set_peer_id(0);
  status.set_trouble("cannot reach the index: nothing listens there");
  peer_.SetStatus(status);
  StopIndex();
  EXPECT_EQ(Run("1\n195\n2\n"), kExitDone);
  EXPECT_THAT(out(), HasSubstr("not registered with the index at " + index_address_ +
                               ": cannot reach the index: nothing listens there\n"
                               "is arkshare-index running there? Going on offline;"));
  EXPECT_THAT(out(), Not(HasSubstr("registered successfully")));
  EXPECT_THAT(out(),
              HasSubstr("enter the book name \ncannot reach the index at " + index_address_));
  EXPECT_THAT(out(),
              EndsWith("leaving the menu; the peer shares on (arkshare-cli quit ends it)\n"));
}

TEST_F(MenuTest, PassesOnWhatTroublesARegisteredPeer) {
  v1::GetStatusResponse status = peer_.status();
  status.set_trouble("your port 4 cannot be reached");
  peer_.SetStatus(status);
  EXPECT_EQ(Run(""), kExitDone);
  EXPECT_THAT(out(), HasSubstr("registered successfully with id 5\n"
                               "but: your port 4 cannot be reached\n"));
}

TEST_F(MenuTest, WithoutAPeerItSaysHowToStartOne) {
  StopPeer();
  EXPECT_EQ(Run("3\n"), kExitUnreachable);
  EXPECT_EQ(out(), "");
  EXPECT_THAT(err(), HasSubstr("no arkshare-peer answers at " + peer_target_ +
                               "; start one with: arkshare-peer --index HOST:PORT --share"));
}

TEST_F(MenuTest, ReportsARefusedDownloadAndContinues) {
  index_.AddResult(MakeResult("195", MakeContent(2, 5000), {MakeHolder(1, "127.0.0.1:41931")}));
  for (const auto& [status, words] :
       {std::pair(MakeError(Reason::kDiskFull, "the disk is full; make room"),
                  "the disk is full; make room\n"),
        std::pair(MakeError(Reason::kBookNotFound, "no"), "book 195 not found\n"),
        std::pair(MakeError(Reason::kAlreadyInLibrary, "no"), "file already in your folder\n")}) {
    out_.str("");
    peer_.fetches().SetFetchScript([refusal = status](const v1::FetchRequest&, grpc::ServerContext*,
                                                      grpc::ServerWriter<v1::FetchResponse>*) {
      return ToGrpcStatus(refusal);
    });
    EXPECT_EQ(Run("1\n195\ny\n"), kExitDone);
    EXPECT_THAT(out(), HasSubstr(std::string("receiving data...\n") + words + kOperations));
  }
}

TEST_F(MenuTest, CtrlCDuringADownloadLeavesAndThePeerGoesOn) {
  index_.AddResult(MakeResult("195", MakeContent(2, 5000), {MakeHolder(1, "127.0.0.1:41931")}));
  peer_.fetches().SetFetchScript([this](const v1::FetchRequest&, grpc::ServerContext* context,
                                        grpc::ServerWriter<v1::FetchResponse>* writer) {
    v1::FetchResponse response;
    response.mutable_transfer()->set_state(v1::TRANSFER_STATE_FETCHING);
    writer->Write(response);
    interrupts_.Trigger();
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  });
  EXPECT_EQ(Run("1\n195\ny\n2\n"), 130);
  EXPECT_THAT(out(), EndsWith("receiving data...\n"
                              "leaving the menu; peer 5 goes on with the download and shares on "
                              "(arkshare-cli quit ends it)\n"));
  EXPECT_EQ(peer_.shutdowns(), 0);
}

TEST_F(MenuTest, CtrlCAtAPromptLeaves) {
  interrupts_.Trigger();
  EXPECT_EQ(Run("3\n"), 130);
  EXPECT_THAT(out(), HasSubstr("shares on"));
  EXPECT_EQ(peer_.shutdowns(), 0);
}

TEST_F(MenuTest, TheEndOfInputAtAQuestionLeavesOnce) {
  EXPECT_EQ(Run("1\n"), kExitDone);
  EXPECT_EQ(AfterStart(), std::string(kOperations) + "enter the book name \n" + kLeaving);
}

TEST_F(MenuTest, QuitWithAPeerThatIsGoneSaysSo) {
  peer_.SetShutdownStatus(grpc::Status(grpc::StatusCode::UNAVAILABLE, "Socket closed"));
  EXPECT_EQ(Run("3\n"), kExitUnreachable);
  EXPECT_THAT(out(), HasSubstr("no arkshare-peer answers at " + peer_target_));
  EXPECT_THAT(out(), EndsWith("--- Connection with Server closed ---\n"));
  EXPECT_THAT(out(), Not(HasSubstr("Socket closed")));
}

TEST_F(MenuTest, ATransferThatEndsWithoutAResultHasFailed) {
  peer_.fetches().SetFetchScript(
      [](const v1::FetchRequest&, grpc::ServerContext*, grpc::ServerWriter<v1::FetchResponse>*) {
        return grpc::Status::OK;
      });
  index_.AddResult(MakeResult("195", MakeContent(2, 5000), {MakeHolder(1, "127.0.0.1:41931")}));
  EXPECT_EQ(Run("1\n195\ny\n"), kExitDone);
  EXPECT_THAT(out(), HasSubstr("the peer ended the transfer without a result"));
  EXPECT_THAT(out(), Not(HasSubstr("received the data")));
}

}  // namespace
}  // namespace arkshare
