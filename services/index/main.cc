// arkshare-index: the list of all peers and their books.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/core/clock.h"
#include "lib/options/options.h"
#include "lib/rpc/key_mode.h"
#include "lib/rpc/memory_guard.h"
#include "lib/rpc/process.h"
#include "services/index/admin/group_commands.h"
#include "services/index/etcd/etcd_log.h"
#include "services/index/etcd/etcd_options.h"
#include "services/index/index_server.h"
#include "services/index/store/huge_pages.h"

namespace arkshare {
namespace {

absl::StatusOr<std::shared_ptr<SharedLog>> OpenEtcd(const std::string& endpoints,
                                                    EtcdOptions options, absl::Duration lease) {
  absl::StatusOr<std::vector<std::string>> parsed = ParseEtcdEndpoints(endpoints);
  if (!parsed.ok()) return parsed.status();
  options.endpoints = *std::move(parsed);
  absl::StatusOr<std::unique_ptr<SharedLog>> log = MakeEtcdLog(options, lease, Clock::Real());
  if (!log.ok()) return log.status();
  return *std::move(log);
}

}  // namespace
}  // namespace arkshare

int main(int argc, char** argv) {
  if (const std::optional<int> exit_code = arkshare::RunGroupCommand(argc, argv)) {
    return *exit_code;
  }
  arkshare::UseHugePages(argv);
  arkshare::TuneProcess();
  // Otherwise each connection keeps a read buffer of 8 or 64 KiB. gRPC ignores unknown names.
  setenv("GRPC_EXPERIMENTS", "-tcp_read_chunks", /*overwrite=*/0);
  arkshare::BlockStopSignals();

  arkshare::IndexOptions options;
  const std::unique_ptr<CLI::App> app =
      arkshare::MakeApp("arkshare-index", "arkshare-index: knows which peer has which book.");
  app->add_option("--listen", options.listen, "IP:PORT to listen on; port 0 is any free one")
      ->type_name("ADDRESS")
      ->capture_default_str();
  arkshare::AddDuration(*app, "--lease", options.lease,
                        "A peer that is silent for this long is gone",
                        /*least=*/absl::Seconds(1));
  app->add_option(
         "--home", options.home,
         "Folder of a group: only invited members can connect, see arkshare-index invite --help")
      ->type_name("DIR");
  app->add_option("--state", options.state_file,
                  "File that keeps the peers' numbers and sessions over restarts [DIR/state]")
      ->type_name("FILE");
  std::string etcd;
  arkshare::EtcdOptions etcd_options;
  CLI::Option* const etcd_option =
      app->add_option("--etcd", etcd,
                      "Share the peers and their books with other indexes through this etcd: "
                      "HOST:PORT of each node, separated by commas")
          ->type_name("ADDRESSES");
  app->add_option("--etcd-prefix", etcd_options.prefix,
                  "Before every key in etcd: indexes with the same one are replicas")
      ->capture_default_str()
      ->needs(etcd_option);
  app->add_option("--etcd-ca", etcd_options.tls.ca_file, "Certificates that prove etcd, PEM")
      ->type_name("FILE")
      ->needs(etcd_option);
  app->add_option("--etcd-cert", etcd_options.tls.cert_file,
                  "Certificate of this index for etcd, PEM")
      ->type_name("FILE")
      ->needs(etcd_option);
  app->add_option("--etcd-key", etcd_options.tls.key_file, "Its private key, PEM")
      ->type_name("FILE")
      ->needs(etcd_option);
  arkshare::AddDuration(*app, "--etcd-compact", etcd_options.compact,
                        "How often etcd forgets what no index needs any more; 0s: never",
                        /*least=*/absl::ZeroDuration());
  app->add_flag("--print-table", options.print_table, "Print the table of peers on every change");
  app->add_option("--max-books", options.max_books, "Most books listed for one peer")
      ->check(arkshare::WholeNumber(1))
      ->capture_default_str();
  app->add_option("--max-watches", options.max_watches,
                  "Most open watches of one address, or of one IPv6 network of 64 bits")
      ->check(arkshare::WholeNumber(1))
      ->capture_default_str();
  arkshare::AddByteSize(*app, "--max-memory", options.max_memory,
                        "Memory for the books of all peers; 0: half of the machine's");
  app->add_option("--connections", options.connections,
                  "Most connections from one address (0: no limit)")
      ->check(arkshare::WholeNumber(0))
      ->capture_default_str();
  uint64_t memory_limit = 0;
  arkshare::AddByteSize(
      *app, "--memory-limit", memory_limit,
      "End when more memory is used (0: three quarters of the machine's or container's)");
  app->add_option("--metrics", options.metrics,
                  "IP:PORT where Prometheus can read metrics, without encryption")
      ->type_name("ADDRESS");
  app->add_flag("--metrics-public", options.metrics_public,
                "Allow other machines to read the metrics");
  app->add_option("--web", options.page.listen,
                  "IP:PORT of a web page that shows peers and books to all who reach it")
      ->type_name("ADDRESS");
  app->add_option("--web-host", options.page.names,
                  "One more name of the page's address, for a proxy or a tunnel; separate several "
                  "with commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAME");
  app->add_flag("--web-public", options.page.is_public, "Allow other machines to see the page");
  app->add_option("--relay", options.relay,
                  "IP:PORT where the index carries connections to peers behind routers and "
                  "firewalls")
      ->type_name("ADDRESS");
  app->add_option("--relay-port", options.relay_port,
                  "Port of the relay for peers, if it is another one than that of --relay (0: the "
                  "same)")
      ->check(CLI::Range(0, 65'535))
      ->capture_default_str();
  app->add_option("--relay-advertise", options.relay_advertised,
                  "With --etcd: where the other replicas reach the relay")
      ->type_name("HOST:PORT");
  arkshare::AddByteSize(*app, "--relay-limit", options.relay_limit,
                        "Most bytes that the relay carries a second (0: no limit)");
  app->add_option("--relay-connections", options.relay_connections,
                  "Most connections that the relay carries at the same time")
      ->check(arkshare::WholeNumber(1))
      ->capture_default_str();
  arkshare::AddTlsOptions(*app, options.tls);
  app->add_flag("--insecure", options.insecure, "Allow other machines to connect without TLS");
  if (const std::optional<int> exit_code = arkshare::ParseOptions(*app, argc, argv)) {
    return *exit_code;
  }

#ifdef ARKSHARE_FAILPOINTS
  // Only in builds for tests: a person at work on the page sees a change without a new build.
  if (const char* const folder = std::getenv("ARKSHARE_WEB_DIR")) options.page.folder = folder;
#endif
  if (!etcd.empty()) {
    etcd_options.insecure = options.insecure;
    absl::StatusOr<std::shared_ptr<arkshare::SharedLog>> log =
        arkshare::OpenEtcd(etcd, std::move(etcd_options), options.lease);
    if (!log.ok()) {
      std::fprintf(stderr, "arkshare-index: %s\n", std::string(log.status().message()).c_str());
      return arkshare::kExitUsage;
    }
    options.log = *std::move(log);
  }
  arkshare::GuardMemory(memory_limit);
  if (!options.home.empty()) arkshare::UseTls13Only();
  const auto server = arkshare::IndexServer::Start(options);
  if (!server.ok()) {
    std::fprintf(stderr, "arkshare-index: %s\n", std::string(server.status().message()).c_str());
    return absl::IsInvalidArgument(server.status()) ? arkshare::kExitUsage : arkshare::kExitFailed;
  }
  if (!options.metrics.empty()) {
    std::printf("metrics address=%s\n", (*server)->metrics_address().c_str());
  }
  if (!options.page.listen.empty()) {
    std::printf("page address=%s\n", (*server)->page_address().c_str());
  }
  if (!options.relay.empty()) {
    std::printf("relay address=%s\n", (*server)->relay_address().c_str());
  }
  std::printf("serving address=%s\n", (*server)->address().c_str());
  if ((*server)->group() != nullptr && (*server)->group()->members()->members().empty()) {
    std::printf("no members yet: arkshare-index invite --home %s\n", options.home.c_str());
  }
  std::fflush(stdout);
  arkshare::WaitForStopSignal();
  (*server)->Stop();
  return arkshare::kExitDone;
}
