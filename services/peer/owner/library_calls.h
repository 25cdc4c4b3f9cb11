// The calls of PeerService that concern the library.
#ifndef ARKSHARE_SERVICES_PEER_OWNER_LIBRARY_CALLS_H_
#define ARKSHARE_SERVICES_PEER_OWNER_LIBRARY_CALLS_H_

#include <absl/status/status.h>
#include <absl/types/span.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "arkshare/v1/peer.pb.h"
#include "services/peer/library/library.h"
#include "services/peer/library/sharing.h"
#include "services/peer/owner/library_entries.h"

namespace arkshare {

// Each method has the name of its RPC. Thread-safe.
class LibraryCalls {
 public:
  // All must outlive it.
  LibraryCalls(Library* library, Sharing* sharing, const LibraryEntries* entries)
      : library_(library), sharing_(sharing), entries_(entries) {}

  grpc::Status ListLibrary(const v1::ListLibraryRequest& request,
                           v1::ListLibraryResponse* response) const;
  grpc::Status HasBooks(const v1::HasBooksRequest& request, v1::HasBooksResponse* response) const;
  // Ends early when the caller has gone.
  grpc::Status Share(const grpc::ServerContext& context, const v1::ShareRequest& request,
                     v1::ShareResponse* response) const;
  grpc::Status Unshare(const v1::UnshareRequest& request, v1::UnshareResponse* response) const;

 private:
  void AddEntries(absl::Span<const LibraryItem> items, v1::ListLibraryResponse* response) const;
  // Answers ListLibrary in an order that is not that of the paths, or for keywords.
  absl::Status ListInOrder(const v1::ListLibraryRequest& request, int page_size,
                           v1::ListLibraryResponse* response) const;

  Library* const library_;
  Sharing* const sharing_;
  const LibraryEntries* const entries_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_PEER_OWNER_LIBRARY_CALLS_H_
