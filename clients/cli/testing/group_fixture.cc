#include "clients/cli/testing/group_fixture.h"

#include <absl/strings/str_cat.h>

#include "lib/core/leaf_certificate.h"
#include "lib/rpc/key_credentials.h"

namespace arkshare {

GroupTest::GroupTest() {
  {
    MutexLock lock(&admitted_->mutex);
    admitted_->keys = {ada_.public_key(), bob_.public_key()};
  }
  peer_.SetExport(Export());
  index_.SetMembers(Export().members());
  StartIndex(index_key_);
}

v1::ExportTlsResponse GroupTest::Export() const {
  v1::ExportTlsResponse exported;
  const LeafCertificate leaf = MakeLeafCertificate(ada_, {});
  exported.set_certificate(leaf.certificate);
  exported.set_private_key(leaf.private_key);
  exported.set_certificate_authorities(
      absl::StrCat(MakeTrustAnchor(index_key_.public_key()), MakeTrustAnchor(bob_.public_key())));
  exported.set_index_public_key(index_key_.public_key().bytes());
  exported.mutable_members()->set_version(2);
  exported.mutable_members()->set_complete(true);
  AddMember(exported, ada_, "ada");
  AddMember(exported, bob_, "bob");
  return exported;
}

void GroupTest::AddMember(v1::ExportTlsResponse& exported, const PrivateKey& key,
                          const std::string& name) {
  v1::Member& member = *exported.mutable_members()->add_members();
  member.set_public_key(key.public_key().bytes());
  member.set_role(v1::MEMBER_ROLE_FULL);
  member.set_name(name);
}

void GroupTest::StartIndex(const PrivateKey& key) {
  index_server_.reset();
  index_server_ = Serve(key, &index_);
  index_address_ = index_server_->address();
  v1::GetStatusResponse status = peer_.status();
  status.set_index_address(index_address_);
  peer_.SetStatus(status);
  Connect(options());
}

std::unique_ptr<RpcServer> GroupTest::Serve(const PrivateKey& key, grpc::Service* service) {
  RpcServerOptions options{.listen = "127.0.0.1:0"};
  options.credentials = MakeKeyServerCredentials(
      MakeLeafCertificate(key, {.hosts = {"127.0.0.1"}}),
      [admitted = admitted_](const LeafClaims& caller) {
        MutexLock lock(&admitted->mutex);
        return admitted->keys.contains(caller.key) ? absl::OkStatus()
                                                   : absl::PermissionDeniedError("no member");
      });
  return *RpcServer::Start(std::move(options), {service});
}

void GroupTest::Remove(const PublicKey& key) {
  MutexLock lock(&admitted_->mutex);
  admitted_->keys.erase(key);
}

void GroupTest::AddPeer(uint32_t peer_id, const std::string& address, const PrivateKey& key) {
  v1::Peer peer;
  peer.set_peer_id(peer_id);
  peer.set_address(address);
  peer.set_public_key(key.public_key().bytes());
  peer.set_policy(v1::SHARE_POLICY_MOVE);
  peer.set_listed(true);
  index_.AddPeer(peer);
}

}  // namespace arkshare
