#include "tests/chaos/scene.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/status.h"
#include "tests/audit/audit.h"
#include "tests/support/files.h"
#include "tests/support/process.h"

namespace arkshare {
namespace {

std::string Lines(const AuditReport& report) {
  std::string out;
  for (const std::string& line : report.books) absl::StrAppend(&out, "book: ", line, "\n");
  for (const std::string& line : report.open) absl::StrAppend(&out, "open: ", line, "\n");
  for (const std::string& line : report.damage) absl::StrAppend(&out, "damage: ", line, "\n");
  return out;
}

testing::AssertionResult RunAuditor(std::vector<std::string> arguments) {
  ProcessOptions options;
  options.argv = std::move(arguments);
  options.argv.insert(options.argv.begin(), ARKSHARE_AUDIT_BINARY);
  absl::StatusOr<Finished> finished = RunToEnd(std::move(options));
  if (!finished.ok()) return testing::AssertionFailure() << finished.status();
  if (finished->exit == ExitStatus{}) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "the auditor says:\n" << finished->output << finished->log;
}

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request) {
  grpc::ClientContext context;
  SetTimeout(context, kPatience);
  Response response;
  const grpc::Status status = (stub.*method)(&context, request, &response);
  if (!status.ok()) return FromGrpcStatus(status, "the peer");
  return response;
}

}  // namespace

testing::AssertionResult EndsWith(Cluster& cluster, const std::vector<Ending>& endings) {
  for (const Ending& ending : endings) {
    testing::AssertionResult found =
        cluster.WaitForHolders(ContentOf(ending.bytes), ending.holders);
    if (!found) return found;
  }
  std::vector<std::string> arguments = cluster.AllBooks();
  const std::vector<std::string> folders = arguments;
  arguments.push_back("--settled");
  std::vector<std::vector<std::string>> expected;
  for (const Ending& ending : endings) {
    std::vector<std::string>& holders = expected.emplace_back();
    for (const std::string& name : ending.holders) holders.push_back(cluster.Books(name));
    const ContentId id = ContentOf(ending.bytes);
    arguments.push_back("--expect");
    arguments.push_back(
        absl::StrCat(ToHex(id.root), ":", id.size, "=", absl::StrJoin(holders, ",")));
  }
  AuditReport report;
  const bool well = EventuallyTrue([&] {
    std::vector<PeerDisk> disks;
    for (const std::string& folder : folders) {
      absl::StatusOr<PeerDisk> disk = ReadPeerDisk(folder);
      if (!disk.ok()) {
        report.damage = {disk.status().ToString()};
        return false;
      }
      disks.push_back(*std::move(disk));
    }
    report = Audit(disks);
    for (size_t i = 0; i < endings.size(); ++i) {
      Expect(disks, ContentOf(endings[i].bytes), expected[i], report);
    }
    return report.damage.empty() && report.open.empty();
  });
  if (!well) return testing::AssertionFailure() << "it does not settle:\n" << Lines(report);
  if (testing::AssertionResult said = RunAuditor(arguments); !said) return said;
  // A move that was settled late may have changed what the index says.
  for (const Ending& ending : endings) {
    testing::AssertionResult found =
        cluster.WaitForHolders(ContentOf(ending.bytes), ending.holders);
    if (!found) return found;
  }
  return testing::AssertionSuccess();
}

testing::AssertionResult Undamaged(const std::vector<std::string>& folders) {
  return RunAuditor(folders);
}

absl::Status StartMove(Cluster& cluster, const std::string& book,
                       const std::string& source_failpoints, const std::string& receiver_failpoints,
                       const std::string& index_failpoints) {
  WriteBook(cluster.Books("s"), "195", book);
  absl::Status index = cluster.Start("2s", Cluster::Failpoints(index_failpoints));
  if (!index.ok()) return index;
  PeerOptions source;
  source.env = Cluster::Failpoints(source_failpoints);
  if (absl::Status s = cluster.StartPeer("s", source); !s.ok()) return s;
  PeerOptions receiver;
  receiver.env = Cluster::Failpoints(receiver_failpoints);
  if (absl::Status s = cluster.StartPeer("r", receiver); !s.ok()) return s;
  if (!cluster.WaitForHolders(ContentOf(book), {"s"})) {
    return absl::DeadlineExceededError("the book is not announced");
  }
  return absl::OkStatus();
}

v1::FetchRequest Wish(const std::string& name) {
  v1::FetchRequest request;
  request.set_name(name);
  return request;
}

v1::ReleaseRequest Stranger::ReleaseRequestFor(const PublicKey& source,
                                               const ReleaseItem& item) const {
  v1::ReleaseRequest request;
  request.set_source_public_key(source.bytes());
  request.set_receiver_public_key(key().bytes());
  *request.add_items() = ToProto(item);
  request.set_signature(key_.Sign(ReleaseSignedBytes(source, key(), {item})));
  return request;
}

v1::ConfirmRequest Stranger::ConfirmRequestFor(const PublicKey& source,
                                               const TransferId& transfer) const {
  v1::ConfirmRequest request;
  request.set_source_public_key(source.bytes());
  request.set_receiver_public_key(key().bytes());
  request.add_transfer_ids(transfer.bytes());
  request.set_signature(key_.Sign(ConfirmSignedBytes(source, key(), {transfer})));
  return request;
}

absl::StatusOr<MoveTicket> Stranger::Release(PeerProcess& source, const PublicKey& source_key,
                                             const ReleaseItem& item) const {
  absl::StatusOr<v1::ReleaseResponse> response =
      CallRelease(source, ReleaseRequestFor(source_key, item));
  if (!response.ok()) return response.status();
  if (response->results_size() != 1) return absl::InternalError("not one result");
  if (response->results(0).has_refusal()) return FromItemError(response->results(0).refusal());
  return FromProto(response->results(0).ticket());
}

absl::Status Stranger::Confirm(PeerProcess& source, const PublicKey& source_key,
                               const TransferId& transfer) const {
  absl::StatusOr<v1::ConfirmResponse> response =
      CallConfirm(source, ConfirmRequestFor(source_key, transfer));
  if (!response.ok()) return response.status();
  if (response->results_size() != 1) return absl::InternalError("not one result");
  if (!response->results(0).has_error()) return absl::OkStatus();
  return FromItemError(response->results(0).error());
}

absl::StatusOr<v1::ReleaseResponse> CallRelease(PeerProcess& peer,
                                                const v1::ReleaseRequest& request) {
  return Call(peer.files(), &v1::FileService::Stub::Release, request);
}

absl::StatusOr<v1::ConfirmResponse> CallConfirm(PeerProcess& peer,
                                                const v1::ConfirmRequest& request) {
  return Call(peer.files(), &v1::FileService::Stub::Confirm, request);
}

absl::StatusOr<v1::ListLimboResponse> Limbo(PeerProcess& peer) {
  return Call(peer.control_stub(), &v1::PeerService::Stub::ListLimbo, v1::ListLimboRequest());
}

absl::Status RestoreLimbo(PeerProcess& peer, const std::string& transfer_id) {
  v1::RestoreLimboRequest request;
  request.set_transfer_id(transfer_id);
  return Call(peer.control_stub(), &v1::PeerService::Stub::RestoreLimbo, request).status();
}

absl::StatusOr<v1::KeepTransferResponse> Keep(PeerProcess& peer, const std::string& transfer_id) {
  v1::KeepTransferRequest request;
  request.set_transfer_id(transfer_id);
  return Call(peer.control_stub(), &v1::PeerService::Stub::KeepTransfer, request);
}

absl::Status SetUploadLimit(PeerProcess& peer, uint64_t bytes_per_second) {
  v1::SetLimitsRequest request;
  request.set_upload_limit(bytes_per_second);
  return Call(peer.control_stub(), &v1::PeerService::Stub::SetLimits, request).status();
}

}  // namespace arkshare
