// An index of many books under load, over the wire: a server process, and clients in this one.
//
//   arkshare-bench-index-search NAMES HOLDERS PEERS   prints KEY=VALUE lines
//
// The same server also answers an empty call, which measures gRPC itself, and a call with a ready
// answer, which measures a search that takes no time.
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/time/clock.h>
#include <absl/time/time.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "arkshare/v1/file.grpc.pb.h"
#include "arkshare/v1/index.grpc.pb.h"
#include "bench/book_generator.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/rpc/channel.h"
#include "lib/rpc/convert.h"
#include "lib/rpc/process.h"
#include "lib/rpc/server.h"
#include "services/index/service/index_service.h"
#include "services/index/store/huge_pages.h"

namespace arkshare::bench {
namespace {

constexpr int kChannels = 2;
constexpr int kOutstanding = 64;
constexpr absl::Duration kRun = absl::Seconds(2);
// Runs alternate, because the speed of a shared machine changes every second.
constexpr absl::Duration kTurn = absl::Milliseconds(250);
constexpr int kTurns = 24;
constexpr uint64_t kAnnounced = 1'000'000;
constexpr uint64_t kAnnouncedPage = 1'000;
// Searches a second while another client announces.
constexpr double kQuietRate = 1'000;

// --- the server

using PlainMethods = v1::FileService::WithCallbackMethod_Ping<
    v1::FileService::WithRawCallbackMethod_GetManifest<v1::FileService::Service>>;

// Ping answers at once, and GetManifest answers with the ready result of a search.
class PlainService : public PlainMethods {
 public:
  explicit PlainService(const grpc::Slice& found) : found_(found) {}

  grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context, const v1::PingRequest*,
                                 v1::PingResponse*) override {
    return Answer(context, absl::OkStatus());
  }
  grpc::ServerUnaryReactor* GetManifest(grpc::CallbackServerContext* context,
                                        const grpc::ByteBuffer* /*request*/,
                                        grpc::ByteBuffer* response) override {
    *response = grpc::ByteBuffer(&found_, 1);
    return Answer(context, absl::OkStatus());
  }

 private:
  const grpc::Slice found_;
};

// Searches for some of the names and returns the answer of median length.
grpc::Slice MedianAnswer(const Catalog& catalog, const std::vector<std::string>& names) {
  constexpr size_t kAnswers = 1'001;
  std::vector<std::string> answers;
  std::minstd_rand random;
  SearchWriter writer;
  while (answers.size() < kAnswers) {
    const BookQuery query(BookName::Parse(names[random() % names.size()]).value());
    catalog.Search(query, /*loopback=*/false, 50, std::nullopt, std::nullopt, writer);
    answers.emplace_back(writer.bytes());
    writer.Clear();
  }
  std::nth_element(answers.begin(), answers.begin() + kAnswers / 2, answers.end(),
                   [](const auto& a, const auto& b) { return a.size() < b.size(); });
  return grpc::Slice(answers[kAnswers / 2]);
}

int Serve(const BookGenerator::Options& options) {
  BlockStopSignals();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  Catalog catalog({});
  std::vector<Catalog::ShelfPtr> shelves;
  grpc::Slice answer;
  {
    const BookGenerator books(options);
    shelves = books.Fill(catalog);
    answer = MedianAnswer(catalog, books.names());
  }
  Sessions sessions({.lease = absl::Minutes(10), .peer_ids = std::nullopt}, Clock::Real(),
                    &catalog);
  IndexService service({grpc::InsecureChannelCredentials()}, &catalog, &sessions);
  PlainService plain(answer);
  RpcServerOptions rpc_options;
  rpc_options.listen = "127.0.0.1:0";
  const auto server = RpcServer::Start(std::move(rpc_options), {&service, &plain});
  if (!server.ok()) return 1;
  (*server)->SetServing(true);
  std::printf("%s\n", (*server)->address().c_str());
  std::fflush(stdout);
  WaitForStopSignal();
  service.EndStreams(absl::Milliseconds(100));
  return 0;
}

// A child process of this program, which ends when this program ends.
struct Child {
  pid_t pid = 0;
  std::FILE* output = nullptr;

  std::string ReadLine() const {
    char line[256];
    if (std::fgets(line, sizeof(line), output) == nullptr) return "";
    std::string text(line);
    text.pop_back();
    return text;
  }
};

Child Start(const std::vector<std::string>& args) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  Child child;
  child.pid = fork();
  if (child.pid == 0) {
    dup2(ends[1], STDOUT_FILENO);
    std::vector<char*> argv;
    for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  close(ends[1]);
  child.output = fdopen(ends[0], "r");
  return child;
}

// --- clients

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  return MakeChannel(address, grpc::InsecureChannelCredentials());
}

enum class What { kEmpty, kReady, kExact };

constexpr const char* kMethods[] = {"/arkshare.v1.FileService/Ping",
                                    "/arkshare.v1.FileService/GetManifest",
                                    "/arkshare.v1.IndexService/Search"};

struct Figures {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
};

// Makes calls: either a constant number at a time, or a constant number a second; then the time of
// a call counts from the moment when it was due.
class Load {
 public:
  Load(const std::string& address, const std::vector<std::string>& names)
      : names_(names), slots_(512) {
    KeepCallbackQueue();
    for (int i = 0; i < kChannels; ++i) {
      const std::shared_ptr<grpc::Channel> channel = Connect(address);
      stubs_.push_back(std::make_unique<grpc::GenericStub>(channel));
    }
    for (size_t i = 0; i < slots_.size(); ++i) {
      slots_[i].number = i;
      slots_[i].random.seed(static_cast<uint32_t>(i));
    }
  }

  Figures RunOutstanding(What what, int outstanding, absl::Duration time) {
    Begin(what);
    again_ = true;
    for (int i = 0; i < outstanding; ++i) {
      slots_[static_cast<size_t>(i)].due = absl::Now();
      Call(slots_[static_cast<size_t>(i)]);
    }
    absl::SleepFor(time);
    return End(time);
  }

  // Runs until `stop` returns true.
  Figures RunRate(What what, double rate, const std::function<bool(absl::Duration)>& stop) {
    Begin(what);
    again_ = false;
    const absl::Time begin = absl::Now();
    uint64_t made = 0;
    absl::Duration passed;
    while (passed = absl::Now() - begin, !stop(passed)) {
      const auto due = static_cast<uint64_t>(absl::ToDoubleSeconds(passed) * rate) + 1;
      for (; made < due; ++made) {
        Slot* slot = TakeFree();
        slot->due = begin + absl::Seconds(static_cast<double>(made) / rate);
        Call(*slot);
      }
      absl::SleepFor(absl::Microseconds(50));
    }
    return End(passed);
  }

 private:
  struct Slot {
    size_t number = 0;
    std::optional<grpc::ClientContext> context;
    v1::SearchRequest search;
    grpc::ByteBuffer request;
    grpc::ByteBuffer response;
    std::minstd_rand random;
    absl::Time due;
    std::vector<float> times_us;
  };

  void Begin(What what) {
    what_ = what;
    for (Slot& slot : slots_) slot.times_us.clear();
    MutexLock lock(&mutex_);
    free_.clear();
    for (Slot& slot : slots_) free_.push_back(&slot);
  }
  Slot* TakeFree() {
    MutexLock lock(&mutex_);
    while (free_.empty()) changed_.Wait(&mutex_);
    Slot* slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void Call(Slot& slot) {
    ++running_;
    slot.context.emplace();
    const bool empty = what_ == What::kEmpty;
    if (!empty) slot.search.set_name(names_[slot.random() % names_.size()]);
    const grpc::Slice bytes(empty ? "" : slot.search.SerializeAsString());
    slot.request = grpc::ByteBuffer(&bytes, 1);
    stubs_[slot.number % kChannels]->UnaryCall(
        &*slot.context, kMethods[static_cast<size_t>(what_)], grpc::StubOptions(), &slot.request,
        &slot.response, [this, &slot](const grpc::Status& status) { Done(slot, status); });
  }
  void Done(Slot& slot, const grpc::Status& status) {
    // All replies are read into one message, because sixty-four messages would not fit the cache.
    thread_local v1::PingResponse pong;
    thread_local v1::SearchResponse found;
    const bool good =
        status.ok() &&
        (what_ == What::kEmpty
             ? grpc::SerializationTraits<v1::PingResponse>::Deserialize(&slot.response, &pong).ok()
             : grpc::SerializationTraits<v1::SearchResponse>::Deserialize(&slot.response, &found)
                       .ok() &&
                   found.results_size() > 0);
    const absl::Time now = absl::Now();
    if (!good) {
      std::fprintf(stderr, "a call failed: %s\n", status.error_message().c_str());
      std::_Exit(1);
    }
    slot.times_us.push_back(static_cast<float>(absl::ToDoubleMicroseconds(now - slot.due)));
    if (again_) {
      slot.due = now;
      Call(slot);
    }
    MutexLock lock(&mutex_);
    if (!again_) free_.push_back(&slot);
    --running_;
    changed_.NotifyAll();
  }
  Figures End(absl::Duration time) {
    std::vector<float> all;
    again_ = false;
    {
      MutexLock lock(&mutex_);
      while (running_ > 0) changed_.Wait(&mutex_);
    }
    for (const Slot& slot : slots_) {
      all.insert(all.end(), slot.times_us.begin(), slot.times_us.end());
    }
    std::sort(all.begin(), all.end());
    return {static_cast<double>(all.size()) / absl::ToDoubleSeconds(time), all[all.size() / 2],
            all[all.size() * 99 / 100]};
  }

  const std::vector<std::string>& names_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<Slot> slots_;
  What what_ = What::kEmpty;
  std::atomic<bool> again_ = false;
  std::atomic<int> running_ = 0;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Slot*> free_ ABSL_GUARDED_BY(mutex_);
};

// Writes messages one after the other until all statements are acknowledged.
class Announcer : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Announcer(const std::shared_ptr<grpc::Channel>& channel, const std::string& token,
            const std::vector<grpc::ByteBuffer>& messages)
      : messages_(messages), stub_(channel) {
    context_.AddMetadata("authorization", absl::StrCat("Bearer ", token));
    stub_.PrepareBidiStreamingCall(&context_, "/arkshare.v1.IndexService/Announce",
                                   grpc::StubOptions(), this);
  }

  // Returns false when the stream has broken.
  bool Run() {
    StartRead(&response_);
    StartWrite(&messages_[0]);
    StartCall();
    MutexLock lock(&mutex_);
    while (!done_) changed_.Wait(&mutex_);
    return acknowledged_ >= kAnnounced;
  }

  void OnWriteDone(bool ok) override {
    if (ok && ++written_ < messages_.size()) StartWrite(&messages_[written_]);
  }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    grpc::Slice bytes;
    v1::AnnounceResponse response;
    response_.DumpToSingleSlice(&bytes);
    response.ParseFromArray(bytes.begin(), static_cast<int>(bytes.size()));
    acknowledged_ = response.acknowledged_sequence();
    if (acknowledged_ >= kAnnounced) return context_.TryCancel();
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& /*status*/) override {
    MutexLock lock(&mutex_);
    done_ = true;
    changed_.NotifyAll();
  }

 private:
  const std::vector<grpc::ByteBuffer>& messages_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer response_;
  size_t written_ = 0;
  std::atomic<uint64_t> acknowledged_ = 0;
  Mutex mutex_;
  CondVar changed_;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
};

// A peer in its own process that states new books as fast as it can. Prints "ready", then how many
// books a second the index took. The messages are encoded before the clock starts, because this
// measures the index and not the peer.
int Announce(const std::string& address) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const BookGenerator books({.names = static_cast<uint32_t>(kAnnounced), .holders = 1, .peers = 1});
  std::vector<grpc::ByteBuffer> messages;
  for (uint64_t first = 0; first < kAnnounced; first += kAnnouncedPage) {
    v1::AnnounceRequest message;
    message.set_first_sequence(first + 1);
    for (const StatementRecord& statement : books.Page(0, first, kAnnouncedPage)) {
      v1::Listing listing = ToProto(*statement.present);
      listing.set_name(absl::StrCat("New/", listing.name()));
      *message.add_statements()->mutable_present() = std::move(listing);
    }
    const grpc::Slice bytes(message.SerializeAsString());
    messages.emplace_back(&bytes, 1);
  }
  KeepCallbackQueue();
  const std::shared_ptr<grpc::Channel> channel = Connect(address);
  v1::RegisterRequest registration;
  const PrivateKey key = PrivateKey::Generate();
  registration.set_public_key(key.public_key().bytes());
  registration.set_port(1);
  registration.set_policy(v1::SHARE_POLICY_COPY);
  registration.set_registration_id(std::string(16, 'r'));
  v1::RegisterResponse registered;
  grpc::ClientContext context;
  if (!v1::IndexService::NewStub(channel)->Register(&context, registration, &registered).ok()) {
    return 1;
  }
  Announcer announcer(channel, registered.session_token(), messages);
  std::printf("ready\n");
  std::fflush(stdout);
  const absl::Time begin = absl::Now();
  if (!announcer.Run()) return 1;
  std::printf("%.0f\n",
              static_cast<double>(kAnnounced) / absl::ToDoubleSeconds(absl::Now() - begin));
  return 0;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::function<bool(absl::Duration)> After(absl::Duration time) {
  return [time](absl::Duration passed) { return passed >= time; };
}

int Run(const std::vector<std::string>& args, const BookGenerator::Options& options) {
  const Child server = Start({args[0], "serve", args[1], args[2], args[3]});
  const BookGenerator books({.names = options.names, .holders = 1, .peers = 1});
  const std::string address = server.ReadLine();
  if (address.empty()) return 1;
  Load load(address, books.names());
  load.RunOutstanding(What::kEmpty, kOutstanding, kRun);  // warms up
  load.RunOutstanding(What::kExact, kOutstanding, kRun);

  std::vector<double> empty, exact, ratio, ready_ratio, empty_p99, exact_p99, p99_ratio;
  for (int turn = 0; turn < kTurns; ++turn) {
    empty.push_back(load.RunOutstanding(What::kEmpty, kOutstanding, kTurn).per_second);
    exact.push_back(load.RunOutstanding(What::kExact, kOutstanding, kTurn).per_second);
    const double ready = load.RunOutstanding(What::kReady, kOutstanding, kTurn).per_second;
    ratio.push_back(exact.back() / empty.back());
    ready_ratio.push_back(ready / empty.back());
  }
  for (int turn = 0; turn < kTurns; ++turn) {
    const double half = Median(exact) / 2;
    empty_p99.push_back(load.RunRate(What::kEmpty, half, After(kTurn)).p99_us);
    exact_p99.push_back(load.RunRate(What::kExact, half, After(kTurn)).p99_us);
    p99_ratio.push_back(exact_p99.back() / empty_p99.back());
  }
  std::printf("empty_per_second=%.0f\nsearch_per_second=%.0f\nsearch_to_empty=%.3f\n",
              Median(empty), Median(exact), Median(ratio));
  std::printf("ready_answer_to_empty=%.3f\n", Median(ready_ratio));
  std::printf("empty_p99_us=%.0f\nsearch_p99_us=%.0f\nsearch_p99_to_empty=%.2f\n",
              Median(empty_p99), Median(exact_p99), Median(p99_ratio));
  std::fflush(stdout);

  const Child announcer = Start({args[0], "announce", address});
  if (announcer.ReadLine() != "ready") return 1;
  std::string announced;
  std::atomic<bool> done = false;
  std::thread reader([&] {
    announced = announcer.ReadLine();
    done = true;
  });
  const Figures busy =
      load.RunRate(What::kExact, kQuietRate, [&](absl::Duration) { return done.load(); });
  reader.join();
  const Figures quiet = load.RunRate(What::kExact, kQuietRate, After(kRun));
  std::printf("announced_per_second=%s\nquiet_p99_us=%.0f\nannouncing_p99_us=%.0f\n",
              announced.c_str(), quiet.p99_us, busy.p99_us);
  std::printf("quiet_p50_us=%.0f\nannouncing_p50_us=%.0f\nannouncing_p99_to_quiet=%.2f\n",
              quiet.p50_us, busy.p50_us, busy.p99_us / quiet.p99_us);
  waitpid(announcer.pid, nullptr, 0);
  kill(server.pid, SIGTERM);
  waitpid(server.pid, nullptr, 0);
  return announced.empty() ? 1 : 0;
}

std::optional<BookGenerator::Options> ParseOptions(const std::vector<std::string>& args) {
  BookGenerator::Options options;
  if (args.size() != 3 || !absl::SimpleAtoi(args[0], &options.names) ||
      !absl::SimpleAtoi(args[1], &options.holders) || !absl::SimpleAtoi(args[2], &options.peers)) {
    return std::nullopt;
  }
  return options;
}

}  // namespace
}  // namespace arkshare::bench

int main(int argc, char** argv) {
  arkshare::UseHugePages(argv);
  arkshare::TuneProcess();
  const std::vector<std::string> args(argv, argv + argc);
  if (argc == 3 && args[1] == "announce") return arkshare::bench::Announce(args[2]);
  const bool serve = argc > 1 && args[1] == "serve";
  const auto options = arkshare::bench::ParseOptions({args.begin() + (serve ? 2 : 1), args.end()});
  if (!options.has_value()) {
    std::fprintf(stderr, "usage: arkshare-bench-index-search NAMES HOLDERS PEERS\n");
    return 2;
  }
  return serve ? arkshare::bench::Serve(*options) : arkshare::bench::Run(args, *options);
}
