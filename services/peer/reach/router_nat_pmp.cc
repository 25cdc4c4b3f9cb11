// NAT-PMP (RFC 6886) by libnatpmp.
#include <absl/strings/str_cat.h>
#include <arpa/inet.h>
#include <natpmp.h>
#include <poll.h>

#include <algorithm>

#include "lib/core/clock.h"
#include "services/peer/reach/router.h"

namespace arkshare {
namespace {

// The library asks again after a quarter of a second, then after half a second, and so on.
constexpr absl::Duration kNatPmpPatience = absl::Milliseconds(1800);

class NatPmpRouter : public Router {
 public:
  absl::string_view protocol() const override { return "NAT-PMP"; }

  absl::StatusOr<Opened> Open(int own_port, int wanted_port, absl::Duration lifetime,
                              const Stopped& stopped) override {
    const Session session;
    if (!session.open()) return absl::UnavailableError("this machine has no router");
    Opened opened;
    natpmpresp_t answer;
    if (sendpublicaddressrequest(session.get()) < 0 || !Await(session.get(), answer, stopped)) {
      return absl::UnavailableError("no router answers by NAT-PMP");
    }
    char text[INET_ADDRSTRLEN] = "";
    inet_ntop(AF_INET, &answer.pnu.publicaddress.addr, text, sizeof(text));
    opened.host = text;
    if (sendnewportmappingrequest(session.get(), NATPMP_PROTOCOL_TCP,
                                  static_cast<uint16_t>(own_port),
                                  static_cast<uint16_t>(wanted_port),
                                  static_cast<uint32_t>(absl::ToInt64Seconds(lifetime))) < 0 ||
        !Await(session.get(), answer, stopped)) {
      return absl::UnavailableError("the router opens no port by NAT-PMP");
    }
    opened.port = answer.pnu.newportmapping.mappedpublicport;
    opened.lifetime = absl::Seconds(answer.pnu.newportmapping.lifetime);
    return opened;
  }

  void Close(int own_port, int /*port*/) override {
    const Session session;
    natpmpresp_t answer;
    if (session.open() && sendnewportmappingrequest(session.get(), NATPMP_PROTOCOL_TCP,
                                                    static_cast<uint16_t>(own_port), 0, 0) > 0) {
      (void)Await(session.get(), answer, [] { return false; });
    }
  }

 private:
  // Asks the default gateway.
  class Session {
   public:
    Session() : open_(initnatpmp(&session_, 0, 0) == 0) {}
    ~Session() {
      if (open_) closenatpmp(&session_);
    }
    bool open() const { return open_; }
    natpmp_t* get() const { return &session_; }

   private:
    mutable natpmp_t session_{};
    const bool open_;
  };

  // Waits for the answer to the last request. Returns whether it grants it.
  static bool Await(natpmp_t* session, natpmpresp_t& answer, const Stopped& stopped) {
    const absl::Time end = Clock::Real()->Monotonic() + kNatPmpPatience;
    while (true) {
      const int result = readnatpmpresponseorretry(session, &answer);
      if (result != NATPMP_TRYAGAIN) return result == 0;
      const absl::Duration left = end - Clock::Real()->Monotonic();
      if (left <= absl::ZeroDuration() || stopped()) return false;
      timeval next{};
      if (getnatpmprequesttimeout(session, &next) != 0) return false;
      const absl::Duration wait = std::min(left, absl::DurationFromTimeval(next));
      pollfd wanted{.fd = session->s, .events = POLLIN, .revents = 0};
      poll(&wanted, 1, static_cast<int>(std::max<int64_t>(absl::ToInt64Milliseconds(wait), 0)) + 1);
    }
  }
};

}  // namespace

std::unique_ptr<Router> MakeNatPmpRouter() { return std::make_unique<NatPmpRouter>(); }

}  // namespace arkshare
