// Calls to the AdminService of an index that runs on this machine.
#ifndef ARKSHARE_SERVICES_INDEX_ADMIN_ADMIN_CLIENT_H_
#define ARKSHARE_SERVICES_INDEX_ADMIN_ADMIN_CLIENT_H_

#include <absl/status/statusor.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <string>

#include "arkshare/v1/admin.grpc.pb.h"
#include "lib/core/member_list.h"

namespace arkshare {

// The socket of AdminService: "unix:HOME/control.sock".
std::string AdminSocket(const std::string& home);

// Errors are for people. Not thread-safe.
class AdminClient {
 public:
  explicit AdminClient(const std::string& home);

  // kIndexUnreachable, with advice, when no index runs with this home.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::AdminService::Stub::*method)(grpc::ClientContext*,
                                                                               const Request&,
                                                                               Response*),
                                const Request& request) {
    grpc::ClientContext context;
    Prepare(context);
    Response response;
    absl::Status status = ToStatus(((*stub_).*method)(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  // Returns the member whom `who` means: a name, or at least four hex digits with which a key
  // begins. kMemberUnknown for none, kAmbiguousName for several.
  absl::StatusOr<v1::Member> FindMember(const std::string& who);

 private:
  static void Prepare(grpc::ClientContext& context);
  absl::Status ToStatus(const grpc::Status& status) const;

  const std::string home_;
  const std::unique_ptr<v1::AdminService::Stub> stub_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_ADMIN_ADMIN_CLIENT_H_
