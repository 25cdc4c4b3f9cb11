// The index's web page: which peers and books there are, for people who only look.
#ifndef ARKSHARE_SERVICES_INDEX_OVERVIEW_OVERVIEW_H_
#define ARKSHARE_SERVICES_INDEX_OVERVIEW_OVERVIEW_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/types/span.h>
#include <grpcpp/channel.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/http/connect_bridge.h"
#include "lib/http/origin_check.h"
#include "lib/http/server.h"
#include "lib/http/static_files.h"

namespace arkshare {

// Serves the page and the calls of IndexService that only read, without sign-in: every program that
// reaches the port may see what the index lists. Thread-safe.
class Overview : private HttpHandler {
 public:
  struct Options {
    // "IP:PORT"; port 0: any free one.
    std::string listen{};
    // More names under which browsers know the page, see OriginCheck.
    std::vector<std::string> names{};
    // Allows an address that other machines can reach.
    bool is_public = false;
    // For developers, see StaticFiles.
    std::string folder{};
  };
  // `index` is a channel to IndexService.
  // `metadata` goes with each call. Errors, for people: InvalidArgument (an invalid address, or one
  // that other machines can reach without `is_public`) and those of HttpServer::Start.
  static absl::StatusOr<std::unique_ptr<Overview>> Start(Options options,
                                                         absl::Span<const WebAsset> assets,
                                                         std::shared_ptr<grpc::Channel> index,
                                                         HttpHeaders metadata);

  // Returns "IP:PORT" with the port that was bound.
  const std::string& address() const { return http_->address(); }

 private:
  Overview(const Options& options, absl::Span<const WebAsset> assets,
           std::shared_ptr<grpc::Channel> index, HttpHeaders metadata);

  std::optional<HttpResponse> Check(const HttpRequest& request) override;
  HttpResponse Handle(const HttpRequest& request) override;
  void Stop() override { bridge_.Stop(); }
  std::optional<HttpResponse> Refuse(const HttpRequest& request) const;
  // Adds what every answer has.
  HttpResponse Finish(HttpResponse response) const;

  const StaticFiles files_;
  const std::string boot_id_;
  const HttpHeaders metadata_;
  ConnectBridge bridge_;
  std::optional<OriginCheck> origin_;  // set before the first request
  std::unique_ptr<HttpServer> http_;
};

}  // namespace arkshare

#endif  // ARKSHARE_SERVICES_INDEX_OVERVIEW_OVERVIEW_H_
