// Networks as they are: firewalls that drop packets, two indexes, TLS on one side only,
// certificates that are renewed, more books than an index takes.
#include <absl/strings/str_cat.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>

#include "lib/rpc/testing/silent_address.h"
#include "lib/rpc/testing/tls_files.h"
#include "tests/chaos/scene.h"
#include "tests/support/cluster.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace arkshare {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// Starts an index with a folder of its own below that of the cluster.
absl::StatusOr<std::unique_ptr<IndexProcess>> StartIndex(Cluster& cluster, const std::string& name,
                                                         std::vector<std::string> args = {}) {
  IndexOptions options;
  options.folder = cluster.Folder(name);
  options.args = std::move(args);
  return IndexProcess::Start(std::move(options));
}

absl::StatusOr<std::unique_ptr<PeerProcess>> StartPeer(Cluster& cluster, const std::string& name,
                                                       const std::string& index,
                                                       std::vector<std::string> args = {}) {
  cluster.Books(name);
  PeerOptions options;
  options.folder = cluster.Folder(name);
  options.index = index;
  options.args = std::move(args);
  return PeerProcess::Start(std::move(options));
}

std::string TroubleOf(PeerProcess& peer) {
  const absl::StatusOr<v1::GetStatusResponse> status = peer.GetStatus();
  return status.ok() ? status->trouble() : std::string(status.status().message());
}

std::vector<std::string> TlsArgs(const TlsOptions& tls) {
  return {"--tls-cert", tls.cert_file, "--tls-key", tls.key_file, "--tls-ca", tls.ca_file};
}

TEST(NetworkTest, APeerBehindAFirewallIsRegisteredAndHoldsUpNothing) {
  Cluster cluster;
  const SilentAddress firewall;
  auto index = StartIndex(cluster, "i");
  ASSERT_TRUE(Ok(index));
  auto peer = StartPeer(cluster, "p", (*index)->address(), {"--advertise", firewall.address()});
  ASSERT_TRUE(Ok(peer));
  ASSERT_TRUE(Ok((*peer)->WaitOnline()));
  EXPECT_THAT(TroubleOf(**peer), AllOf(HasSubstr("cannot reach you"), HasSubstr("firewall")));
  // A dial-back that waits does not hold up the end of the index.
  auto other = StartPeer(cluster, "q", (*index)->address(), {"--advertise", firewall.address()});
  ASSERT_TRUE(Ok(other));
  const absl::StatusOr<ExitStatus> end = (*index)->process().Stop();
  ASSERT_TRUE(Ok(end));
  EXPECT_EQ(end->code, 0);
  EXPECT_EQ(end->signal, 0);
}

TEST(NetworkTest, AnIndexBehindAFirewallIsNamedAsSuch) {
  Cluster cluster;
  const SilentAddress firewall;
  auto peer = StartPeer(cluster, "p", firewall.address());
  ASSERT_TRUE(Ok(peer));
  EXPECT_TRUE(EventuallyTrue([&] {
    return TroubleOf(**peer).find("firewall drops the packets") != std::string::npos;
  })) << TroubleOf(**peer);
  const auto found = RunCli({"--index", firewall.address(), "peers"});
  ASSERT_TRUE(Ok(found));
  EXPECT_EQ(found->exit.code, 4);
  EXPECT_THAT(found->log, AllOf(HasSubstr("firewall drops the packets"), Not(HasSubstr("TLS"))));
  const absl::StatusOr<ExitStatus> end = (*peer)->process().Stop();
  ASSERT_TRUE(Ok(end));
  EXPECT_EQ(end->code, 0) << "it stops in order";
}

TEST(NetworkTest, PeersReturnToTheFirstIndex) {
  Cluster cluster;
  auto first = StartIndex(cluster, "i1");
  auto second = StartIndex(cluster, "i2");
  ASSERT_TRUE(Ok(first));
  ASSERT_TRUE(Ok(second));
  const std::string indexes = absl::StrCat((*first)->address(), ",", (*second)->address());
  auto peer = StartPeer(cluster, "p", indexes);
  ASSERT_TRUE(Ok(peer));
  ASSERT_TRUE(Ok((*peer)->WaitOnline()));
  (*first)->process().Kill();
  const auto uses = [&](const IndexProcess& index) {
    const auto status = (*peer)->GetStatus();
    return status.ok() && status->online() && status->index_address() == index.address();
  };
  ASSERT_TRUE(EventuallyTrue([&] { return uses(**second); }));
  EXPECT_THAT(TroubleOf(**peer),
              HasSubstr(absl::StrCat("uses the index at ", (*second)->address())));
  ASSERT_TRUE(Ok((*first)->KillAndRestart()));
  EXPECT_TRUE(EventuallyTrue([&] { return uses(**first); }));
  EXPECT_EQ(TroubleOf(**peer), "");
}

TEST(NetworkTest, AnIndexThatTakesFewBooksListsThose) {
  Cluster cluster;
  auto index = StartIndex(cluster, "i", {"--max-books", "3"});
  ASSERT_TRUE(Ok(index));
  const std::string books = cluster.Books("p");
  for (int i = 1; i <= 5; ++i) WriteBook(books, absl::StrCat("book", i), absl::StrCat("text", i));
  auto peer = StartPeer(cluster, "p", (*index)->address());
  ASSERT_TRUE(Ok(peer));
  ASSERT_TRUE(Ok((*peer)->WaitOnline()));
  const auto listed = [&] {
    grpc::ClientContext context;
    v1::ListPeersResponse response;
    (*index)->stub().ListPeers(&context, v1::ListPeersRequest(), &response);
    return response.peers().empty() ? 0 : response.peers(0).book_count();
  };
  EXPECT_TRUE(EventuallyTrue([&] { return listed() == 3; }));
  EXPECT_THAT(TroubleOf(**peer), AllOf(HasSubstr("at most 3"), HasSubstr("2 are not listed")));
  // Room for one more.
  std::filesystem::remove(books + "/book1");
  std::filesystem::remove(books + "/book2");
  std::filesystem::remove(books + "/book3");
  EXPECT_TRUE(EventuallyTrue([&] { return listed() == 2 && TroubleOf(**peer).empty(); }));
  const std::string log = (*peer)->process().Log();
  EXPECT_EQ(log.find("registered id="), log.rfind("registered id=")) << "once";
}

TEST(NetworkTest, TlsIsNamedAndRenewedCertificatesAreUsed) {
  const TempDir dir;
  const auto ca = TestCa::Make(dir.path(), "ca");
  if (!ca.has_value()) GTEST_SKIP() << "SKIP: needs the openssl command";
  const TlsOptions served = ca->Issue("served").value();
  const TlsOptions expired = ca->IssueExpired("expired").value();
  const TlsOptions client = ca->Issue("client").value();
  std::vector<std::string> command = {IndexBinary(), "--listen", "127.0.0.1:0"};
  for (const std::string& arg : TlsArgs(served)) command.push_back(arg);
  auto index = Process::Start({.argv = command, .env = {}, .log_file = dir.path() + "/index.log"});
  ASSERT_TRUE(Ok(index));
  const auto line = (*index)->WaitForLine("serving address=");
  ASSERT_TRUE(Ok(line));
  const std::string address = line->substr(line->find('=') + 1);

  const auto peers = [&](const TlsOptions& tls) {
    std::vector<std::string> args = {"--index", address};
    if (tls.enabled()) {
      for (const std::string& arg : TlsArgs(tls)) args.push_back(arg);
    }
    args.push_back("peers");
    return RunCli(args).value_or(Finished());
  };
  EXPECT_THAT(peers({}).log, HasSubstr("it uses TLS"));
  EXPECT_EQ(peers(client).exit.code, 0);
  EXPECT_THAT(peers(expired).log, AllOf(HasSubstr("--tls-cert"), HasSubstr("expired")));

  const auto serve = [&](const TlsOptions& other) {
    const auto over = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(other.cert_file, served.cert_file, over);
    std::filesystem::copy_file(other.key_file, served.key_file, over);
  };
  serve(expired);
  EXPECT_TRUE(EventuallyTrue([&] {
    return peers(client).log.find("its certificate has expired") != std::string::npos;
  })) << peers(client).log;
  serve(ca->Issue("renewed").value());
  EXPECT_TRUE(EventuallyTrue([&] { return peers(client).exit.code == 0; })) << peers(client).log;
}

}  // namespace
}  // namespace arkshare
