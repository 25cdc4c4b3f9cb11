// The fixture of tests in a group: a fake peer, a fake index with keys, and members.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_GROUP_FIXTURE_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_GROUP_FIXTURE_H_

#include <memory>
#include <set>
#include <string>

#include "arkshare/v1/peer.pb.h"
#include "clients/cli/testing/cli_fixture.h"
#include "lib/core/key.h"
#include "lib/core/mutex.h"

namespace arkshare {

// The own peer is ada, with number 5; bob has number 1. The index admits the members only.
class GroupTest : public CliTest {
 protected:
  GroupTest();

  static PrivateKey KeyOf(char seed) { return *PrivateKey::FromSeed(std::string(32, seed)); }
  const PrivateKey index_key_ = KeyOf(1);
  const PrivateKey ada_ = KeyOf(2);
  const PrivateKey bob_ = KeyOf(3);
  // Not a member.
  const PrivateKey eve_ = KeyOf(4);

  // The answer of ExportTls: ada and bob are members.
  v1::ExportTlsResponse Export() const;
  static void AddMember(v1::ExportTlsResponse& exported, const PrivateKey& key,
                        const std::string& name);
  // Replaces the index by one that shows `key`.
  void StartIndex(const PrivateKey& key);
  // Serves `service` with `key` on a free port; admits members.
  std::unique_ptr<RpcServer> Serve(const PrivateKey& key, grpc::Service* service);
  // The index and the members of Serve refuse this key from now on.
  void Remove(const PublicKey& key);

  // Adds a live peer to the index.
  void AddPeer(uint32_t peer_id, const std::string& address, const PrivateKey& key);

 private:
  struct Admitted {
    Mutex mutex;
    std::set<PublicKey> keys ABSL_GUARDED_BY(mutex);
  };
  const std::shared_ptr<Admitted> admitted_ = std::make_shared<Admitted>();
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_GROUP_FIXTURE_H_
