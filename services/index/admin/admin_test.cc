// The commands of a group's owner, against a real AdminService on its socket.
#include <absl/strings/str_split.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/errors.h"
#include "lib/core/invitation.h"
#include "lib/core/key_word.h"
#include "lib/core/leaf_certificate.h"
#include "lib/rpc/server.h"
#include "services/index/admin/admin_client.h"
#include "services/index/admin/admin_service.h"
#include "services/index/admin/group_commands.h"
#include "services/index/group/group.h"

namespace arkshare {
namespace {

using testing::HasSubstr;

class AdminTest : public testing::Test {
 protected:
  AdminTest() {
    std::string pattern = testing::TempDir() + "/adminXXXXXX";
    folder_ = mkdtemp(pattern.data());
    home_ = folder_ + "/ark";
  }
  ~AdminTest() override {
    server_.reset();
    std::filesystem::remove_all(folder_);
  }

  void SetUp() override {
    absl::StatusOr<std::unique_ptr<Group>> opened = Group::Open(home_, Clock::Real());
    ASSERT_TRUE(opened.ok()) << opened.status();
    group_ = *std::move(opened);
    service_ = std::make_unique<AdminService>(group_.get());
    RpcServerOptions options;
    options.listen = AdminSocket(home_);
    absl::StatusOr<std::unique_ptr<RpcServer>> server =
        RpcServer::Start(std::move(options), {service_.get()});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  // Runs "arkshare-index WORDS --home HOME".
  int Run(std::vector<std::string> words) {
    words.insert(words.begin(), "arkshare-index");
    words.insert(words.end(), {"--home", home_});
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const std::optional<int> code = RunGroupCommand(static_cast<int>(argv.size()), argv.data());
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return code.value_or(-1);
  }
  // Joins as a program that has the word of the last output.
  absl::StatusOr<Member> Join(const PrivateKey& key) {
    const absl::StatusOr<Invitation> invitation = ReadInvitation(out_);
    if (!invitation.ok()) return invitation.status();
    return group_->Join(
        key.public_key(),
        JoinProofOf(invitation->secret, group_->key().public_key(), key.public_key()), "");
  }

  std::string folder_;
  std::string home_;
  std::string out_;
  std::string err_;
  const PrivateKey ada_ = PrivateKey::Generate();
  std::unique_ptr<Group> group_;
  std::unique_ptr<AdminService> service_;
  std::unique_ptr<RpcServer> server_;
};

TEST_F(AdminTest, AnInvitedFriendIsAMemberUntilRemoved) {
  EXPECT_EQ(Run({"members"}), 0);
  EXPECT_EQ(out_, "");
  ASSERT_EQ(Run({"invite", "--address", "ark.example:50051", "--role", "reader", "--name", "ada"}),
            0);
  EXPECT_THAT(err_, HasSubstr("--join"));
  ASSERT_TRUE(Join(ada_).ok());
  const std::string digits = ada_.public_key().hex().substr(0, 12);
  EXPECT_EQ(Run({"members", "list"}), 0);
  EXPECT_EQ(out_, digits + "  reader  ada\n");
  EXPECT_EQ(Run({"members", "role", "ada", "full"}), 0);
  EXPECT_EQ(Run({"members", "rename", digits, "Ada L"}), 0);
  EXPECT_EQ(Run({"members"}), 0);
  EXPECT_EQ(out_, digits + "  full  Ada L\n");
  EXPECT_EQ(Run({"members", "remove", "Ada L"}), 0);
  EXPECT_EQ(group_->FindMember(ada_.public_key()).ok(), false);
  EXPECT_EQ(Run({"members", "remove", "Ada L"}), 1);
  EXPECT_THAT(err_, HasSubstr("no member is named Ada L"));
}

TEST_F(AdminTest, AnInvitationIsListedAndCancelled) {
  ASSERT_EQ(Run({"invite", "--address", "ark.example:50051", "--uses", "2", "--expires", "1h"}), 0);
  const std::string word = out_;
  ASSERT_EQ(Run({"invitations"}), 0);
  EXPECT_THAT(out_, HasSubstr("  open  0/2  "));
  const std::string id = out_.substr(0, 16);
  out_ = word;
  ASSERT_TRUE(Join(ada_).ok());
  ASSERT_EQ(Run({"invitations", "cancel", id}), 0);
  ASSERT_EQ(Run({"invitations", "list"}), 0);
  EXPECT_THAT(out_, HasSubstr(id + "  cancelled  1/2  "));
  out_ = word;
  EXPECT_EQ(GetReason(Join(PrivateKey::Generate()).status()), Reason::kInvitationExpired);
  EXPECT_EQ(Run({"invitations", "cancel", id}), 1);
  EXPECT_THAT(err_, HasSubstr("no such invitation"));
}

TEST_F(AdminTest, AKeyIsAddedWithoutAnInvitation) {
  EXPECT_EQ(Run({"members", "add", ada_.public_key().hex(), "--role", "watcher"}), 0);
  ASSERT_TRUE(group_->FindMember(ada_.public_key()).ok());
  EXPECT_EQ(group_->FindMember(ada_.public_key())->role, MemberRole::kWatcher);
  EXPECT_EQ(Run({"members", "add", "abcd"}), 2);
  EXPECT_THAT(err_, HasSubstr("public_key"));
}

TEST_F(AdminTest, AListIsImportedOnlyIfThisIndexHasSignedItAndItIsNewer) {
  ASSERT_EQ(Run({"members", "add", ada_.public_key().hex()}), 0);
  const std::string copy = folder_ + "/copy";
  std::ofstream(copy) << group_->members()->ToText();
  EXPECT_EQ(Run({"members", "import", copy}), 1);
  EXPECT_THAT(err_, HasSubstr("already"));
  const absl::StatusOr<MemberList> newer =
      group_->members()->Next({{}, {ada_.public_key()}}, group_->key());
  ASSERT_TRUE(newer.ok());
  std::ofstream(copy) << newer->ToText();
  EXPECT_EQ(Run({"members", "import", copy}), 0);
  EXPECT_EQ(out_, "the group has 0 members (version 2)\n");
  const absl::StatusOr<MemberList> forged =
      newer->Next({{{ada_.public_key(), MemberRole::kFull, ""}}, {}}, ada_);
  std::ofstream(copy) << forged->ToText();
  EXPECT_EQ(Run({"members", "import", copy}), 2);
  EXPECT_EQ(Run({"members", "import", folder_ + "/absent"}), 2);
  EXPECT_THAT(err_, HasSubstr("cannot read"));
  EXPECT_FALSE(group_->FindMember(ada_.public_key()).ok());
}

TEST_F(AdminTest, ANewerListThatAPeerHasIsToldUntilItIsImported) {
  ASSERT_EQ(Run({"members", "add", ada_.public_key().hex(), "--name", "ada"}), 0);
  const MemberList newer = *group_->members()->Next({}, group_->key(), 6);
  group_->HearOf(newer.signed_version(), ada_.public_key());
  EXPECT_EQ(Run({"members"}), 0);
  EXPECT_THAT(err_, HasSubstr("version 7"));
  EXPECT_EQ(Run({"members", "remove", "ada"}), 1);
  EXPECT_THAT(err_, HasSubstr("members import"));
  EXPECT_EQ(Run({"members", "rename", "ada", "Ada", "--despite-newer-list"}), 0);
  EXPECT_EQ(group_->members()->version(), 8u);
  const MemberList newest = *newer.Next({}, group_->key(), 8);
  group_->HearOf(newest.signed_version(), ada_.public_key());
  const std::string copy = folder_ + "/copy";
  std::ofstream(copy) << newest.ToText();
  EXPECT_EQ(Run({"members", "import", copy}), 0);
  EXPECT_EQ(err_, "");
  EXPECT_EQ(Run({"members", "remove", "ada"}), 0);
}

TEST_F(AdminTest, ACodeIsDrawnOnlyWhereItCanBeShown) {
  setenv("LC_ALL", "C.UTF-8", 1);
  EXPECT_EQ(Run({"invite", "--address", "ark.example:50051", "--qr"}), 0);
  EXPECT_TRUE(ReadInvitation(out_).ok()) << "only the word: " << out_;
  EXPECT_THAT(err_, HasSubstr("█"));
  setenv("LC_ALL", "C", 1);
  EXPECT_EQ(Run({"invite", "--address", "ark.example:50051", "--qr"}), 2);
  EXPECT_THAT(err_, HasSubstr("C.UTF-8"));
  unsetenv("LC_ALL");
  EXPECT_EQ(group_->invitations().all().size(), 1u) << "no invitation was made in vain";
}

TEST_F(AdminTest, AClientThatIsNoPeerGetsItsFiles) {
  ASSERT_TRUE(group_->SetMember({ada_.public_key(), MemberRole::kFull, "ada"}).ok());
  const std::string files = folder_ + "/prometheus";
  EXPECT_EQ(Run({"members", "add", "prometheus", "--tls", files}), 0);
  EXPECT_THAT(err_, HasSubstr("members remove"));
  const auto read = [&](const std::string& name) {
    std::ifstream file(files + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const absl::StatusOr<LeafClaims> claims = ReadLeafCertificate(read("/cert.pem"));
  ASSERT_TRUE(claims.ok()) << claims.status();
  const absl::StatusOr<Member> member = group_->FindMember(claims->key);
  ASSERT_TRUE(member.ok()) << member.status();
  EXPECT_EQ(*member, (Member{claims->key, MemberRole::kWatcher, "prometheus"}));
  const std::vector<std::string> anchors = absl::StrSplit(read("/ca.pem"), "-----BEGIN");
  EXPECT_EQ(anchors.size(), 3u) << "of the index and of ada";
  struct stat info {};
  ASSERT_EQ(stat((files + "/key.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  const std::string key = read("/key.pem");
  EXPECT_EQ(Run({"members", "add", "another", "--tls", files}), 1);
  EXPECT_THAT(err_, HasSubstr("is there already"));
  EXPECT_EQ(read("/key.pem"), key);
  EXPECT_EQ(group_->members()->members().size(), 2u);
}

TEST_F(AdminTest, FilesOfAClientThatCouldNotBeAddedAreRemoved) {
  const std::string files = folder_ + "/prometheus";
  EXPECT_EQ(Run({"members", "add", std::string(65, 'a'), "--tls", files}), 2);
  EXPECT_TRUE(std::filesystem::is_empty(files));
  EXPECT_EQ(Run({"members", "add", "prometheus", "--tls", files, "--role", "reader"}), 0);
  EXPECT_EQ(Run({"members", "add", "x", "--tls", folder_ + "/no/such"}), 1);
  EXPECT_EQ(Run({"members", "add", "x", "--tls", folder_ + "/x", "--name", "y"}), 2);
}

// Gives "key import" what a person types.
class KeyCommandTest : public AdminTest {
 protected:
  int Import(const std::string& typed) {
    std::istringstream input(typed);
    std::streambuf* const before = std::cin.rdbuf(input.rdbuf());
    const int code = Run({"key", "import"});
    std::cin.rdbuf(before);
    return code;
  }
};

TEST_F(KeyCommandTest, TheKeyIsPrintedAndTakenBack) {
  EXPECT_EQ(Run({"key", "export"}), 0);
  EXPECT_EQ(out_, WriteKeyWord(group_->key()) + "\n");
  EXPECT_THAT(err_, HasSubstr("private key"));
  const std::string word = out_;
  const PrivateKey key = group_->key();
  EXPECT_EQ(Import(word), 1);
  EXPECT_THAT(err_, HasSubstr("stop it"));
  home_ = folder_ + "/new";
  EXPECT_EQ(Run({"key", "export"}), 1);
  EXPECT_THAT(err_, HasSubstr("has no key"));
  EXPECT_EQ(Import(word), 0);
  EXPECT_THAT(err_, HasSubstr("members import"));
  EXPECT_EQ(Import(word), 0);
  EXPECT_THAT(err_, HasSubstr("already"));
  EXPECT_EQ(Import(WriteKeyWord(ada_)), 1);
  EXPECT_THAT(err_, HasSubstr("another key"));
  EXPECT_EQ(Group::Open(home_, Clock::Real()).value()->key().public_key(), key.public_key());
}

TEST_F(KeyCommandTest, AMistypedKeyChangesNothing) {
  const std::string word = WriteKeyWord(ada_);
  home_ = folder_ + "/new";
  EXPECT_EQ(Import(word.substr(1) + word.substr(0, 1)), 2);
  EXPECT_EQ(Import(word.substr(0, 20)), 2);
  EXPECT_THAT(err_, HasSubstr("56"));
  EXPECT_EQ(Import(""), 2);
  EXPECT_FALSE(std::filesystem::exists(home_));
  EXPECT_EQ(Run({"key"}), 2);
}

TEST_F(AdminTest, WrongArgumentsAreNamed) {
  EXPECT_EQ(Run({"invite"}), 2);
  EXPECT_THAT(err_, HasSubstr("--address"));
  EXPECT_EQ(Run({"invite", "--address", "nowhere"}), 2);
  EXPECT_THAT(err_, HasSubstr("nowhere"));
  EXPECT_EQ(Run({"invite", "--address", "a:1", "--uses", "101"}), 2);
  EXPECT_EQ(Run({"invite", "--address", "a:1", "--expires", "721h"}), 2);
  EXPECT_EQ(Run({"members", "role", "ada", "king"}), 2);
  EXPECT_EQ(Run({"serve"}), -1);
}

TEST_F(AdminTest, WithoutAnIndexTheCommandSaysWhatToDo) {
  server_.reset();
  EXPECT_EQ(Run({"members"}), 1);
  EXPECT_THAT(err_, HasSubstr("no index runs with --home " + home_));
}

}  // namespace
}  // namespace arkshare
