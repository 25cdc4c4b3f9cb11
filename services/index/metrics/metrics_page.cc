#include "services/index/metrics/metrics_page.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace arkshare {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

// Peers that are read under one lock.
constexpr size_t kSlice = 1'000;

MetricFamily NewFamily(std::string name, std::string help, MetricType type) {
  MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  return family;
}

void AddCounter(MetricFamily& family, Labels labels, double value) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  metric.counter.value = value;
}

void AddGauge(MetricFamily& family, Labels labels, double value) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  metric.gauge.value = value;
}

void AddHistogram(MetricFamily& family, Labels labels, const DurationCounts::Snapshot& durations) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  uint64_t count = 0;
  for (size_t i = 0; i < durations.counts.size(); ++i) {
    count += durations.counts[i];
    const bool last = i == DurationCounts::kBounds.size();
    metric.histogram.bucket.push_back(
        {count, last ? std::numeric_limits<double>::infinity() : DurationCounts::kBounds[i]});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = absl::ToDoubleSeconds(durations.sum);
}

MetricFamily Counter(std::string name, std::string help, double value) {
  MetricFamily family = NewFamily(std::move(name), std::move(help), MetricType::Counter);
  AddCounter(family, {}, value);
  return family;
}

MetricFamily Gauge(std::string name, std::string help, double value) {
  MetricFamily family = NewFamily(std::move(name), std::move(help), MetricType::Gauge);
  AddGauge(family, {}, value);
  return family;
}

// Adds the calls by how they ended, and how long they took.
void AddCalls(const CallStats& calls, std::vector<MetricFamily>& families) {
  MetricFamily ends =
      NewFamily("arkshare_index_calls_total",
                "Calls by method and by how they ended: OK, or the reason of the error. Each "
                "message of an Announce stream counts, and the end of a Watch.",
                MetricType::Counter);
  MetricFamily durations =
      NewFamily("arkshare_index_call_seconds",
                "How long calls and messages of Announce streams took in the index. Register "
                "includes dialling the peer back.",
                MetricType::Histogram);
  for (size_t i = 0; i < kIndexMethods; ++i) {
    const auto method = static_cast<IndexMethod>(i);
    const std::string name(MethodName(method));
    for (const auto& [reason, count] : calls.Ends(method)) {
      AddCounter(ends, {{"method", name}, {"reason", reason}}, static_cast<double>(count));
    }
    if (method != IndexMethod::kWatch) {
      AddHistogram(durations, {{"method", name}}, calls.Durations(method));
    }
  }
  families.push_back(std::move(ends));
  families.push_back(std::move(durations));
}

void AddStreams(const CallStats& calls, std::vector<MetricFamily>& families) {
  MetricFamily streams = NewFamily("arkshare_index_streams", "Open streams.", MetricType::Gauge);
  AddGauge(streams, {{"method", "Announce"}}, static_cast<double>(calls.announce_streams));
  AddGauge(streams, {{"method", "Watch"}}, static_cast<double>(calls.watch_streams));
  families.push_back(std::move(streams));

  MetricFamily lag = NewFamily("arkshare_index_watch_lag_seconds",
                               "Time from a change until it was passed to a watcher's connection.",
                               MetricType::Histogram);
  AddHistogram(lag, {}, calls.watch_lag.Read());
  families.push_back(std::move(lag));
}

void AddCatalog(const Catalog& catalog, std::vector<MetricFamily>& families) {
  size_t listed = 0;
  size_t hidden = 0;
  uint64_t holdings = 0;
  for (uint32_t after = 0;;) {
    const std::vector<PeerSummary> peers = catalog.ListPeers(after, kSlice);
    for (const PeerSummary& peer : peers) {
      ++(peer.listed ? listed : hidden);
      holdings += peer.book_count;
    }
    if (peers.size() < kSlice) break;
    after = peers.back().info.peer_id;
  }
  MetricFamily peers = NewFamily("arkshare_index_peers",
                                 "Live peers: listed ones, and those whose books are hidden "
                                 "because their stream is broken or they cannot be reached.",
                                 MetricType::Gauge);
  AddGauge(peers, {{"state", "listed"}}, static_cast<double>(listed));
  AddGauge(peers, {{"state", "hidden"}}, static_cast<double>(hidden));
  families.push_back(std::move(peers));
  families.push_back(Gauge("arkshare_index_holdings",
                           "Whole books of live peers, each counted at each of its holders.",
                           static_cast<double>(holdings)));
}

void AddRelay(const RelayServer& relay, std::vector<MetricFamily>& families) {
  families.push_back(Gauge("arkshare_relay_connections",
                           "Connections between peers that the relay carries.",
                           static_cast<double>(relay.connections())));
  families.push_back(Counter("arkshare_relay_bytes_total",
                             "Bytes that the relay has carried, in both directions.",
                             static_cast<double>(relay.bytes())));
  families.push_back(Counter("arkshare_relay_calls_total",
                             "Calls to peers that other programs wanted to reach.",
                             static_cast<double>(relay.calls())));
  MetricFamily refusals = NewFamily(
      "arkshare_relay_refused_total",
      "Connections to the relay that it refused, by the code of its answer.", MetricType::Counter);
  for (const RelayAnswer answer : RelayServer::kRefusals) {
    AddCounter(refusals, {{"code", std::to_string(static_cast<int>(answer))}},
               static_cast<double>(relay.refusals(answer)));
  }
  families.push_back(std::move(refusals));
}

void AddReplica(const LogMetrics& log, std::vector<MetricFamily>& families) {
  MetricFamily state =
      NewFamily("arkshare_index_replica_state",
                "1 for the state of this replica, 0 for the others: joining, live, "
                "or cut off from what it shares.",
                MetricType::Gauge);
  for (size_t i = 0; i < kLogStates; ++i) {
    const auto each = static_cast<LogState>(i);
    AddGauge(state, {{"state", std::string(LogStateName(each))}}, each == log.state ? 1 : 0);
  }
  families.push_back(std::move(state));
  families.push_back(Gauge("arkshare_index_replica_behind_seconds",
                           "For how long this replica has been cut off from the others.",
                           absl::ToDoubleSeconds(log.behind)));
  families.push_back(Gauge("arkshare_index_replica_revision",
                           "The last revision that this replica has.",
                           static_cast<double>(log.applied)));
  families.push_back(Gauge("arkshare_index_replica_queued_bytes",
                           "Changes of this replica that wait to be sent to the store.",
                           static_cast<double>(log.queued_bytes)));
  families.push_back(Counter("arkshare_index_replica_transactions_total",
                             "Transactions of this replica that the store has made.",
                             static_cast<double>(log.transactions)));
  families.push_back(Counter("arkshare_index_replica_sent_again_total",
                             "Transactions that were sent again, because their outcome was lost.",
                             static_cast<double>(log.sent_again)));
  families.push_back(Counter("arkshare_index_replica_compactions_total",
                             "How often this replica had the store forget what is old.",
                             static_cast<double>(log.compactions)));
  families.push_back(Gauge("arkshare_index_replica_store_bytes",
                           "The size of the store at the node that was asked last.",
                           static_cast<double>(log.store_bytes)));
  MetricFamily loads =
      NewFamily("arkshare_index_replica_reconciles_total",
                "How often this replica has read everything that it shares, by "
                "cause: at its start, because the store had forgotten or lost "
                "changes, because it disagreed about the live replicas, or because "
                "the store began again.",
                MetricType::Counter);
  for (size_t i = 0; i < kLoadCauses; ++i) {
    AddCounter(loads, {{"cause", std::string(LoadCauseName(static_cast<LoadCause>(i)))}},
               static_cast<double>(log.loads[i]));
  }
  families.push_back(std::move(loads));
}

double ResidentBytes() {
  uint64_t pages = 0;
  uint64_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double ThreadCount() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "Threads:") continue;
    double count = 0;
    status >> count;
    return count;
  }
  return 0;
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Adds metrics under the names that Prometheus uses for every program. Memory per holding is the
// first of these divided by arkshare_index_holdings.
void AddProcess(std::vector<MetricFamily>& families) {
  families.push_back(
      Gauge("process_resident_memory_bytes", "Resident memory in bytes.", ResidentBytes()));
  families.push_back(
      Counter("process_cpu_seconds_total", "CPU time in seconds, user and system.", CpuSeconds()));
  families.push_back(Gauge("process_threads", "Threads.", ThreadCount()));
}

}  // namespace

std::vector<MetricFamily> MetricsPage::Collect() const {
  std::vector<MetricFamily> families;
  AddCalls(calls_, families);
  AddStreams(calls_, families);
  AddCatalog(catalog_, families);
  families.push_back(Counter("arkshare_index_statements_total",
                             "Statements of peers about their books.",
                             static_cast<double>(calls_.statements)));
  families.push_back(Counter("arkshare_index_lease_expiries_total",
                             "Peers that were silent for a lease.",
                             static_cast<double>(sessions_.lapsed_count())));
  if (const std::optional<LogMetrics> log = sessions_.log_metrics()) AddReplica(*log, families);
  if (relay_ != nullptr) AddRelay(*relay_, families);
  AddProcess(families);
  return families;
}

}  // namespace arkshare
