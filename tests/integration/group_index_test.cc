// A real index with a group: its TLS, and its key on paper.
#include "tests/support/group_index.h"

#include <absl/strings/ascii.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "lib/core/errors.h"
#include "lib/core/key.h"
#include "tests/support/cluster.h"
#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

using testing::HasSubstr;

class GroupIndexTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Ok(index_.Start())); }

  // Whether a client that speaks only this version of TLS ends its handshake.
  bool Handshakes(int version) {
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
        SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> connection(
        BIO_new_ssl_connect(context.get()), BIO_free_all);
    BIO_set_conn_hostname(connection.get(), index_.address().c_str());
    return BIO_do_handshake(connection.get()) == 1;
  }

  TempDir dir_;
  GroupIndex index_{dir_.path()};
};

TEST_F(GroupIndexTest, RefusesTls12) {
  EXPECT_TRUE(Handshakes(TLS1_3_VERSION));
  EXPECT_FALSE(Handshakes(TLS1_2_VERSION));
}

TEST_F(GroupIndexTest, ALostIndexComesBackFromPaperAndAMembersCopy) {
  const PrivateKey ada = PrivateKey::Generate();
  const absl::StatusOr<std::string> word = index_.Invite();
  ASSERT_TRUE(Ok(word));
  ASSERT_TRUE(Ok(index_.Join(ada, *word)));
  const std::string copy = dir_.path() + "/members-of-ada";
  std::filesystem::copy_file(index_.home() + "/members", copy);
  const absl::StatusOr<Finished> paper = index_.Run({"key", "export"});
  ASSERT_TRUE(Ok(paper));
  EXPECT_EQ(paper->exit, ExitStatus{});
  EXPECT_THAT(paper->log, HasSubstr("private key"));

  const absl::StatusOr<Finished> early = index_.Run({"key", "import"}, paper->output);
  ASSERT_TRUE(Ok(early));
  EXPECT_EQ(early->exit.code, 1);
  EXPECT_THAT(early->log, HasSubstr("stop it"));
  index_.process().Kill();
  std::filesystem::remove_all(index_.home());

  const absl::StatusOr<Finished> imported = index_.Run({"key", "import"}, paper->output);
  ASSERT_TRUE(Ok(imported));
  ASSERT_EQ(imported->exit, ExitStatus{}) << imported->log;
  ASSERT_TRUE(Ok(index_.Start()));
  EXPECT_EQ(GetReason(index_.ListMembers(ada).status()), Reason::kIndexUnreachable);
  const absl::StatusOr<Finished> members = index_.Run({"members", "import", copy});
  ASSERT_TRUE(Ok(members));
  EXPECT_EQ(members->output, "the group has 1 members (version 1)\n") << members->log;
  EXPECT_TRUE(Ok(index_.ListMembers(ada)));
}

}  // namespace
}  // namespace arkshare
