// The transfers of a fake peer.
#ifndef ARKSHARE_CLIENTS_CLI_TESTING_FAKE_TRANSFERS_H_
#define ARKSHARE_CLIENTS_CLI_TESTING_FAKE_TRANSFERS_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <map>
#include <string>
#include <vector>

#include "arkshare/v1/peer.grpc.pb.h"
#include "lib/core/mutex.h"

namespace arkshare {

// Thread-safe.
class FakeTransfers {
 public:
  void AddTransfer(v1::Transfer transfer);
  // Sets the answer of KeepTransfer.
  void SetKeepAnswer(absl::StatusOr<v1::KeepTransferResponse> answer);
  // Makes CancelTransfers and ForgetTransfers refuse this transfer.
  void RefuseToEnd(const std::string& transfer_id, absl::Status status);
  // Sets the answer of PlaceTransfer; by default it gives the transfer the name.
  void RefuseToPlace(absl::Status status);

  std::vector<std::string> kept() const;
  // The transfers that were cancelled or forgotten.
  std::vector<std::string> ended() const;

  grpc::Status ListTransfers(const v1::ListTransfersRequest&, v1::ListTransfersResponse* response);
  grpc::Status KeepTransfer(const v1::KeepTransferRequest& request,
                            v1::KeepTransferResponse* response);
  grpc::Status PlaceTransfer(const v1::PlaceTransferRequest& request,
                             v1::PlaceTransferResponse* response);
  // Both remove the transfers from the list.
  grpc::Status CancelTransfers(const v1::CancelTransfersRequest& request,
                               v1::CancelTransfersResponse* response);
  grpc::Status ForgetTransfers(const v1::ForgetTransfersRequest& request,
                               v1::ForgetTransfersResponse* response);
  // Removes the transfers from the list, as those that go on under another id.
  grpc::Status RetryTransfers(const v1::RetryTransfersRequest& request,
                              v1::RetryTransfersResponse* response);

 private:
  template <typename Request, typename Response>
  grpc::Status EndTransfers(const Request& request, Response* response);

  mutable Mutex mutex_;
  std::vector<v1::Transfer> transfers_ ABSL_GUARDED_BY(mutex_);
  absl::StatusOr<v1::KeepTransferResponse> keep_answer_ ABSL_GUARDED_BY(mutex_) =
      v1::KeepTransferResponse();
  absl::Status place_answer_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> kept_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::Status> refused_to_end_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace arkshare

#endif  // ARKSHARE_CLIENTS_CLI_TESTING_FAKE_TRANSFERS_H_
