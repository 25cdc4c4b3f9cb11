#include "bench/load_index.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

namespace arkshare {
namespace {

constexpr char kServing[] = "serving address=";

[[noreturn]] void Die(const std::string& why) {
  std::fprintf(stderr, "load: %s\n", why.c_str());
  std::exit(1);
}

}  // namespace

LoadIndex::LoadIndex(std::vector<std::string> command) : command_(std::move(command)) {
  Start("127.0.0.1:0");
}

LoadIndex::~LoadIndex() { Kill(); }

void LoadIndex::Start(const std::string& listen) {
  std::vector<std::string> words = command_;
  words.insert(words.end(), {"--listen", listen, "--log-level", "warning"});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) Die("no pipe");
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(fds[1], STDOUT_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(fds[1]);
  FILE* const output = fdopen(fds[0], "r");
  char line[256];
  address_.clear();
  while (address_.empty() && std::fgets(line, sizeof(line), output) != nullptr) {
    const std::string text(line);
    if (text.rfind(kServing, 0) == 0) address_ = text.substr(sizeof(kServing) - 1);
  }
  std::fclose(output);
  if (address_.empty()) Die(words[0] + " did not start");
  address_.pop_back();  // the newline
}

void LoadIndex::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

double LoadIndex::KillAndRestart() {
  const std::string listen = address_;
  Kill();
  const auto begin = std::chrono::steady_clock::now();
  Start(listen);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double LoadIndex::CpuSeconds() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  std::string text(std::istreambuf_iterator<char>(file), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::string LoadIndex::Status(const std::string& key) const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/status");
  for (std::string word; file >> word;) {
    if (word != key) continue;
    file >> word;
    return word;
  }
  return "0";
}

uint64_t LoadIndex::ResidentBytes() const { return std::stoull(Status("VmRSS:")) * 1024; }

int LoadIndex::Threads() const { return std::stoi(Status("Threads:")); }

LoadIndex StartLoadIndex(const LoadOptions& options, absl::Duration lease,
                         const std::string& prefix) {
  // All peers of the benchmark have the same address.
  std::vector<std::string> command = {options.program, "--lease", absl::FormatDuration(lease),
                                      "--connections", "0"};
  if (!options.etcd.empty()) {
    command.insert(command.end(), {"--etcd", options.etcd, "--etcd-prefix", prefix + "/"});
  } else if (!options.state.empty()) {
    command.insert(command.end(), {"--state", options.state});
  }
  return LoadIndex(std::move(command));
}

}  // namespace arkshare
