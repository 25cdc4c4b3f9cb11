// A group with keys: real programs join by invitation, and only members get books.
#include <absl/strings/match.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "lib/core/errors.h"
#include "lib/core/leaf_certificate.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/dialer.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"

namespace arkshare {
namespace {

using testing::AllOf;
using testing::HasSubstr;

namespace fs = std::filesystem;

constexpr char kBook[] = "the book";

class GroupTest : public testing::Test {
 protected:
  // A group of "s", which has kBook under the name "195", and "r".
  void StartTwo(PeerOptions source = {}) {
    ASSERT_TRUE(Ok(cluster_.StartGroup()));
    WriteBook(cluster_.Books("s"), "195", kBook);
    ASSERT_TRUE(Ok(cluster_.StartPeer("s", std::move(source))));
    ASSERT_TRUE(Ok(cluster_.StartPeer("r")));
    ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(kBook), {"s"}));
  }
  std::string Command(std::vector<std::string> words) {
    const absl::StatusOr<std::string> output = cluster_.index().Command(std::move(words));
    EXPECT_TRUE(Ok(output));
    return output.value_or("");
  }
  std::string Invite(std::vector<std::string> options = {}) {
    const absl::StatusOr<std::string> word = cluster_.index().Invite(std::move(options));
    EXPECT_TRUE(Ok(word));
    return word.value_or("");
  }
  v1::ExportTlsResponse ExportTls(const std::string& name) {
    grpc::ClientContext context;
    SetTimeout(context, kPatience);
    v1::ExportTlsRequest request;
    request.set_with_certificate_authorities(true);
    v1::ExportTlsResponse exported;
    EXPECT_TRUE(cluster_.peer(name).control_stub().ExportTls(&context, request, &exported).ok());
    return exported;
  }
  // Runs arkshare-peer on the folder of `name` until it ends.
  Finished RunPeer(const std::string& name, std::vector<std::string> args,
                   std::map<std::string, std::string> env = {}, std::string input = "") {
    ProcessOptions start;
    start.argv = {PeerBinary(), "--share", cluster_.Books(name), "--control",
                  "unix:" + cluster_.Folder(name) + "/control.sock"};
    start.argv.insert(start.argv.end(), args.begin(), args.end());
    start.env = std::move(env);
    start.input = std::move(input);
    start.log_file = cluster_.Folder(name) + "/run.log";
    const absl::StatusOr<Finished> finished = RunToEnd(std::move(start));
    EXPECT_TRUE(Ok(finished));
    return finished.value_or(Finished());
  }
  // Waits until the peer says that it is offline, and returns why.
  std::string WaitForTrouble(const std::string& name, const std::string& part) {
    absl::StatusOr<v1::GetStatusResponse> status;
    EXPECT_TRUE(EventuallyTrue([&] {
      status = cluster_.peer(name).GetStatus();
      return status.ok() && !status->online() && absl::StrContains(status->trouble(), part);
    })) << (status.ok() ? status->trouble() : status.status().ToString());
    return status.ok() ? status->trouble() : "";
  }

  Cluster cluster_;
};

TEST_F(GroupTest, TwoCommandsMakeAGroupInWhichABookMoves) {
  ASSERT_NO_FATAL_FAILURE(StartTwo());
  EXPECT_TRUE(EventuallyTrue([&] {
    const absl::StatusOr<v1::GetStatusResponse> status = cluster_.peer("s").GetStatus();
    return status.ok() && status->group().member_count() == 3;
  }));
  EXPECT_THAT(cluster_.peer("s").process().Log(), testing::Not(HasSubstr("announce_ended")))
      << "its session goes on when another member joins";
  ASSERT_TRUE(Ok(cluster_.Get("r", "195")));
  EXPECT_TRUE(EndsWith(cluster_, {{kBook, {"r"}}}));
  // Later runs need no word.
  cluster_.peer("r").process().Kill();
  ASSERT_TRUE(Ok(cluster_.peer("r").Restart()));
  ASSERT_TRUE(Ok(cluster_.peer("r").WaitOnline()));
  EXPECT_TRUE(cluster_.WaitForHolders(ContentOf(kBook), {"r"}));
  const absl::StatusOr<v1::GetStatusResponse> status = cluster_.peer("r").GetStatus();
  ASSERT_TRUE(Ok(status));
  EXPECT_EQ(status->group().member().name(), "r");
  EXPECT_EQ(status->group().member().role(), v1::MEMBER_ROLE_FULL);
  EXPECT_EQ(status->group().member_count(), 3U) << "the test, s and r";
}

TEST_F(GroupTest, APeerExportsWhatItsOtherProgramsNeed) {
  ASSERT_NO_FATAL_FAILURE(StartTwo());
  const v1::ExportTlsResponse exported = ExportTls("r");
  EXPECT_EQ(ReadLeafCertificate(exported.certificate()).value().key, cluster_.KeyOf("r"));
  EXPECT_EQ(exported.members().members_size(), 3);
  EXPECT_EQ(exported.index_public_key().size(), 32U);
  size_t certificates = 0;
  for (size_t at = 0;
       (at = exported.certificate_authorities().find("BEGIN CERT", at)) != std::string::npos;
       ++at) {
    ++certificates;
  }
  EXPECT_EQ(certificates, 3U) << "of the index, the test and s";
}

TEST_F(GroupTest, AReaderGetsCopiesOnly) {
  PeerOptions lender;
  lender.policy = "copy";
  ASSERT_TRUE(Ok(cluster_.StartGroup()));
  WriteBook(cluster_.Books("lender"), "lent", "a lent book");
  WriteBook(cluster_.Books("s"), "195", kBook);
  ASSERT_TRUE(Ok(cluster_.StartPeer("lender", lender)));
  ASSERT_TRUE(Ok(cluster_.StartPeer("s")));
  PeerOptions reader;
  reader.join = Invite({"--role", "reader", "--name", "reader"});
  WriteBook(cluster_.Books("reader"), "mine", "a reader lists nothing");
  ASSERT_TRUE(Ok(cluster_.StartPeer("reader", reader)));
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(kBook), {"s"}));
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf("a lent book"), {"lender"}));
  EXPECT_TRUE(Ok(cluster_.Get("reader", "lent")));
  EXPECT_TRUE(Ok(cluster_.Get("reader", "195"))) << "of a peer that gives its books away";
  EXPECT_EQ(ReadFile(cluster_.Books("reader") + "/195"), kBook);
  EXPECT_THAT(cluster_.HoldersOf(ContentOf(kBook)), testing::ElementsAre("s"));
  EXPECT_EQ(ReadFile(cluster_.Books("s") + "/195"), kBook);
  EXPECT_THAT(cluster_.HoldersOf(ContentOf("a reader lists nothing")), testing::IsEmpty());
}

TEST_F(GroupTest, ARemovalEndsAnUploadAndHoldsForEver) {
  const std::string book = BookBytes(8 * 1024 * 1024, 7);
  ASSERT_TRUE(Ok(cluster_.StartGroup()));
  WriteBook(cluster_.Books("s"), "195", book);
  PeerOptions source;
  source.policy = "copy";
  source.args = {"--upload-limit", "256KiB/s"};
  ASSERT_TRUE(Ok(cluster_.StartPeer("s", source)));
  ASSERT_TRUE(Ok(cluster_.StartPeer("r")));
  ASSERT_TRUE(cluster_.WaitForHolders(ContentOf(book), {"s"}));
  PendingFetch fetch(cluster_.peer("r"), Wish("195"));
  ASSERT_TRUE(fetch.WaitFor([](const v1::Transfer& transfer) {
    return transfer.state() == v1::TRANSFER_STATE_FETCHING;
  }));
  Command({"members", "remove", "r"});
  // The source ends the call: it then has no upload, although the book would take half a minute.
  EXPECT_TRUE(EventuallyTrue([&] {
    const absl::StatusOr<v1::GetStatusResponse> status = cluster_.peer("s").GetStatus();
    return status.ok() && status->uploads_running() == 0;
  }));
  EXPECT_FALSE(fs::exists(cluster_.Books("r") + "/195"));
  WaitForTrouble("r", "not a member of this group");
  // Also for programs that start again later.
  for (const char* name : {"s", "r"}) cluster_.peer(name).process().Kill();
  ASSERT_TRUE(Ok(cluster_.index().KillAndRestart()));
  for (const char* name : {"s", "r"}) ASSERT_TRUE(Ok(cluster_.peer(name).Restart()));
  ASSERT_TRUE(Ok(cluster_.peer("s").WaitOnline()));
  WaitForTrouble("r", "does not know this key");
}

TEST_F(GroupTest, MembersServeEachOtherWhileTheIndexIsAway) {
  ASSERT_NO_FATAL_FAILURE(StartTwo());
  const v1::ExportTlsResponse exported = ExportTls("r");
  const PublicKey source = cluster_.KeyOf("s");
  cluster_.index().process().Kill();
  // The source starts again, and knows the members from its disk.
  cluster_.peer("s").process().Kill();
  ASSERT_TRUE(Ok(cluster_.peer("s").Restart()));
  const auto ping = [&](const LeafCertificate& leaf) {
    grpc::ClientContext context;
    SetTimeout(context, kPatience);
    v1::PingRequest request;
    request.set_nonce(std::string(16, 'n'));
    v1::PingResponse response;
    return v1::FileService::NewStub(
               Dialer::WithKey(leaf)->Dial(cluster_.peer("s").address(), &source))
        ->Ping(&context, request, &response);
  };
  EXPECT_TRUE(ping({exported.certificate(), exported.private_key()}).ok());
  EXPECT_FALSE(ping(MakeLeafCertificate(PrivateKey::Generate(), {})).ok());
}

TEST_F(GroupTest, AnIndexFromAnOldBackupDoesNotBringARemovedMemberBack) {
  ASSERT_NO_FATAL_FAILURE(StartTwo());
  const std::string members = cluster_.index().home() + "/members";
  const std::string backup = ReadFile(members);
  Command({"members", "remove", "r"});
  ASSERT_TRUE(EventuallyTrue([&] {
    const absl::StatusOr<v1::GetStatusResponse> status = cluster_.peer("s").GetStatus();
    return status.ok() && status->group().member_count() == 2;
  }));
  cluster_.index().process().Kill();
  WriteBook(cluster_.index().home(), "members", backup);
  ASSERT_TRUE(Ok(cluster_.index().KillAndRestart()));
  ASSERT_TRUE(Ok(cluster_.peer("s").WaitOnline()));
  absl::Status refused;
  ASSERT_TRUE(EventuallyTrue([&] {
    refused = cluster_.index().Command({"members", "rename", "s", "x"}).status();
    return !refused.ok();
  }));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("members import"));
  Command({"members", "import", cluster_.Books("s") + "/.arkshare/members"});
  EXPECT_THAT(Command({"members"}), testing::Not(HasSubstr("  r\n")));
  Command({"members", "role", "s", "reader"});
}

TEST_F(GroupTest, APeerThatIsKilledBeforeItHasWrittenItsMembershipJoinsAgain) {
  ASSERT_TRUE(Ok(cluster_.StartGroup()));
  const std::string word = Invite({"--name", "ada"});
  const Finished killed =
      RunPeer("ada", {"--join", word}, Cluster::Failpoints("member.joined=kill"));
  EXPECT_EQ(killed.exit.signal, SIGKILL);
  EXPECT_FALSE(fs::exists(cluster_.Books("ada") + "/.arkshare/membership"));
  PeerOptions ada;
  ada.join = word;
  ASSERT_TRUE(Ok(cluster_.StartPeer("ada", ada)));
  EXPECT_THAT(Command({"invitations"}), HasSubstr("  used  1/1  "));
  EXPECT_THAT(Command({"members"}), HasSubstr("  full  ada\n"));
}

TEST_F(GroupTest, ErrorsOfJoiningSayWhatToDo) {
  ASSERT_TRUE(Ok(cluster_.StartGroup()));
  const auto error = [&](const std::string& name, const std::string& word, int code) {
    const Finished finished = RunPeer(name, {"--join", word});
    EXPECT_EQ(finished.exit.code, code) << finished.log;
    return finished.log;
  };
  std::string word = Invite();
  PeerOptions ada;
  ada.join = word;
  ASSERT_TRUE(Ok(cluster_.StartPeer("ada", ada)));
  EXPECT_THAT(error("bob", word, 1), HasSubstr("used"));
  EXPECT_FALSE(fs::exists(cluster_.Books("bob") + "/.arkshare/membership"));
  const std::string cancelled = Invite();
  const std::string listed = Command({"invitations"});
  const size_t open = listed.find("  open  ");
  ASSERT_NE(open, std::string::npos) << listed;
  Command({"invitations", "cancel", listed.substr(open - 16, 16)});
  EXPECT_THAT(error("bob", cancelled, 1), HasSubstr("cancelled"));
  std::string mistyped = Invite();
  mistyped[20] = mistyped[20] == 'a' ? 'b' : 'a';
  EXPECT_THAT(error("bob", mistyped, 2), HasSubstr("mistyped"));
  EXPECT_THAT(error("bob", "hello", 2), HasSubstr("invitation"));
  // Another index answers at the address.
  word = Invite();
  cluster_.index().process().Kill();
  fs::remove_all(cluster_.index().home());
  ASSERT_TRUE(Ok(cluster_.index().KillAndRestart()));
  EXPECT_THAT(error("bob", word, 1), HasSubstr("which is not that of the index"));
  EXPECT_THAT(WaitForTrouble("ada", "has the key"), HasSubstr("not "));
  // A member does not change its group by accident.
  cluster_.peer("ada").process().Kill();
  word = Invite();
  EXPECT_THAT(error("ada", word, 1), HasSubstr("--leave"));
  EXPECT_THAT(RunPeer("ada", {"--insecure"}).log, HasSubstr("--leave"));
  const Finished left = RunPeer("ada", {"--leave"});
  EXPECT_EQ(left.exit.code, 0);
  EXPECT_THAT(left.output, HasSubstr("has left its group"));
  EXPECT_THAT(RunPeer("ada", {"--leave"}).output, HasSubstr("in no group"));
  cluster_.index().process().Kill();
  EXPECT_THAT(error("ada", word, 1), HasSubstr("cannot reach the index"));
}

TEST_F(GroupTest, TheWordComesFromTheEnvironmentOrStandardInput) {
  ASSERT_TRUE(Ok(cluster_.StartGroup()));
  const std::string used = Invite();
  PeerOptions ada;
  ada.join = used;
  ASSERT_TRUE(Ok(cluster_.StartPeer("ada", ada)));
  // A word that another peer has used shows that it was read.
  EXPECT_THAT(RunPeer("bob", {}, {{"ARKSHARE_JOIN", used}}).log, HasSubstr("used"));
  EXPECT_THAT(RunPeer("bob", {"--join", "-"}, {}, used + "\n").log, HasSubstr("used"));
  // A member ignores the word that it has used, so that it can stay in the environment.
  cluster_.peer("ada").process().Kill();
  ASSERT_TRUE(Ok(cluster_.peer("ada").Restart({{"ARKSHARE_JOIN", used}})));
  EXPECT_TRUE(Ok(cluster_.peer("ada").WaitOnline()));
}

TEST_F(GroupTest, APeerWithoutKeysIsToldToJoin) {
  ASSERT_TRUE(Ok(cluster_.StartGroup()));
  PeerOptions plain;
  plain.folder = cluster_.Folder("plain");
  plain.index = cluster_.index().address();
  const absl::StatusOr<std::unique_ptr<PeerProcess>> peer = PeerProcess::Start(std::move(plain));
  ASSERT_TRUE(Ok(peer));
  std::string trouble;
  EXPECT_TRUE(EventuallyTrue([&] {
    const absl::StatusOr<v1::GetStatusResponse> status = (*peer)->GetStatus();
    if (status.ok()) trouble = status->trouble();
    return absl::StrContains(trouble, "--join");
  })) << trouble;
  const Finished open = RunPeer("other", {"--listen", "0.0.0.0:0"});
  EXPECT_EQ(open.exit.code, 2);
  EXPECT_THAT(open.log, AllOf(HasSubstr("--join"), HasSubstr("--insecure")));
}

}  // namespace
}  // namespace arkshare
