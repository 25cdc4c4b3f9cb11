#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "clients/cli/commands.h"
#include "clients/cli/testing/group_fixture.h"
#include "lib/core/errors.h"
#include "lib/core/leaf_certificate.h"

namespace arkshare {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class TlsCommandTest : public GroupTest {
 protected:
  std::string tls_folder() const { return folder_ + "/tls"; }
  std::string Path(const std::string& name) const { return tls_folder() + "/" + name; }
  std::string Text(const std::string& name) const {
    std::ifstream file(Path(name));
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  mode_t ModeOf(const std::string& path) const {
    struct stat status = {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
  }
  void ConnectWithFiles() {
    ConnectionOptions with_files = options();
    with_files.index = index_address_;
    with_files.tls = {Path("cert.pem"), Path("key.pem"), Path("ca.pem")};
    Connect(with_files);
  }
};

TEST_F(TlsCommandTest, WritesFilesThatOpenTheIndexWithoutAPeer) {
  ASSERT_EQ(RunTls(*session_, {.folder = tls_folder()}), kExitDone) << err();
  EXPECT_EQ(ModeOf(tls_folder()), 0700u);
  EXPECT_EQ(ModeOf(Path("key.pem")), 0600u);
  EXPECT_EQ(ModeOf(Path("cert.pem")), 0644u);
  EXPECT_EQ(out(), "wrote " + Path("cert.pem") + ", " + Path("key.pem") + " and " + Path("ca.pem") +
                       "; for example:\ngrpcurl -cacert " + Path("ca.pem") + " -cert " +
                       Path("cert.pem") + " -key " + Path("key.pem") + " -authority arkshare " +
                       index_address_ + " list\n");
  EXPECT_THAT(err(), AllOf(HasSubstr("secret"), HasSubstr("until your peer is removed")));
  StopPeer();
  ConnectWithFiles();
  EXPECT_EQ(RunPeers(*session_), kExitDone) << err();
  EXPECT_EQ(index_.calls(), 1);
}

TEST_F(TlsCommandTest, WithoutAPeerTheIndexNamesTheMembers) {
  ASSERT_EQ(RunTls(*session_, {.folder = tls_folder()}), kExitDone) << err();
  StopPeer();
  AddPeer(1, "127.0.0.1:41931", bob_);
  ConnectWithFiles();
  EXPECT_EQ(RunPeers(*session_), kExitDone) << err();
  EXPECT_THAT(out(), HasSubstr("1 (bob)"));
}

TEST_F(TlsCommandTest, TheFilesOfARemovedPeerSayThatItWasRemoved) {
  ASSERT_EQ(RunTls(*session_, {.folder = tls_folder()}), kExitDone) << err();
  StopPeer();
  Remove(ada_.public_key());
  ConnectWithFiles();
  err_.str("");
  EXPECT_EQ(RunPeers(*session_), kExitUnreachable);
  EXPECT_THAT(err(), HasSubstr("removed from the group"));
}

TEST_F(TlsCommandTest, FilesThatAreOlderThanAMemberSaySo) {
  ASSERT_EQ(RunTls(*session_, {.folder = tls_folder()}), kExitDone) << err();
  StartIndex(eve_);
  StopPeer();
  ConnectWithFiles();
  err_.str("");
  EXPECT_EQ(RunPeers(*session_), kExitUnreachable);
  EXPECT_THAT(err(), HasSubstr("run arkshare-cli tls DIR again"));
}

TEST_F(TlsCommandTest, ReplacesAnEarlierExportOfTheSamePeer) {
  ASSERT_EQ(RunTls(*session_, {.folder = tls_folder()}), kExitDone) << err();
  const v1::ExportTlsResponse next = Export();
  peer_.SetExport(next);
  EXPECT_EQ(RunTls(*session_, {.folder = tls_folder()}), kExitDone) << err();
  EXPECT_EQ(Text("cert.pem"), next.certificate());
  EXPECT_EQ(Text("key.pem"), next.private_key());
  EXPECT_EQ(ModeOf(Path("key.pem")), 0600u);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(tls_folder()), {}), 3);
}

TEST_F(TlsCommandTest, KeepsFilesThatAreNotFromThisPeer) {
  std::filesystem::create_directory(tls_folder());
  std::ofstream(Path("key.pem")) << "precious";
  EXPECT_EQ(RunTls(*session_, {.folder = tls_folder()}), kExitUsage);
  EXPECT_THAT(err(), HasSubstr("key.pem is there already: give another folder"));
  EXPECT_EQ(Text("key.pem"), "precious");
  EXPECT_FALSE(std::filesystem::exists(Path("cert.pem")));
  const LeafCertificate of_bob = MakeLeafCertificate(bob_, {});
  std::ofstream(Path("cert.pem")) << of_bob.certificate;
  EXPECT_EQ(RunTls(*session_, {.folder = tls_folder()}), kExitUsage);
  EXPECT_EQ(Text("cert.pem"), of_bob.certificate);
}

TEST_F(TlsCommandTest, QuotesPathsForTheShell) {
  const std::string folder = folder_ + "/it's mine";
  ASSERT_EQ(RunTls(*session_, {.folder = folder}), kExitDone) << err();
  EXPECT_THAT(out(), HasSubstr("-cert '" + folder_ + "/it'\\''s mine/cert.pem' "));
}

TEST_F(TlsCommandTest, PrintsJson) {
  session_->console.json = true;
  ASSERT_EQ(RunTls(*session_, {.folder = tls_folder()}), kExitDone) << err();
  EXPECT_EQ(out(), "{\"certificate\":\"" + Path("cert.pem") + "\",\"private_key\":\"" +
                       Path("key.pem") + "\",\"certificate_authorities\":\"" + Path("ca.pem") +
                       "\",\"index_public_key\":\"" + index_key_.public_key().hex() +
                       "\",\"index_address\":\"" + index_address_ + "\"}\n");
}

TEST_F(TlsCommandTest, WithoutAGroupThereIsNothingToWrite) {
  peer_.SetExport(MakeError(Reason::kGroupUnknown, "this peer is in no group; use --join"));
  EXPECT_EQ(RunTls(*session_, {.folder = tls_folder()}), kExitFailed);
  EXPECT_THAT(err(), HasSubstr("--join"));
  EXPECT_FALSE(std::filesystem::exists(tls_folder()));
}

TEST_F(TlsCommandTest, AFolderThatCannotBeMadeIsNamed) {
  EXPECT_EQ(RunTls(*session_, {.folder = folder_ + "/no/such"}), kExitUsage);
  EXPECT_THAT(err(), HasSubstr("cannot make " + folder_ + "/no/such"));
}

}  // namespace
}  // namespace arkshare
