// UPnP (the Internet Gateway Device protocol) by libminiupnpc.
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>

#include "services/peer/reach/router.h"

namespace arkshare {
namespace {

// Routers answer within a second; the question or the answer can be lost.
constexpr int kDiscoveryMs = 1'000;
constexpr int kDiscoveries = 2;
constexpr char kDescription[] = "arkshare";
constexpr unsigned char kTimeToLive = 2;
// Ports that are tried when another machine of the network has the wanted one.
constexpr int kOtherPorts = 3;

class UpnpRouter : public Router {
 public:
  ~UpnpRouter() override { Forget(); }
  absl::string_view protocol() const override { return "UPnP"; }

  absl::StatusOr<Opened> Open(int own_port, int wanted_port, absl::Duration lifetime,
                              const Stopped& stopped) override {
    if (!found_ && !Find(stopped)) return absl::UnavailableError("no router answers by UPnP");
    Opened opened;
    char host[64] = "";
    if (UPNP_GetExternalIPAddress(urls_.controlURL, data_.first.servicetype, host) !=
        UPNPCOMMAND_SUCCESS) {
      Forget();
      return absl::UnavailableError("the router does not say its address by UPnP");
    }
    opened.host = host;
    const std::string own = absl::StrCat(own_port);
    int error = 0;
    for (int i = 0; i <= kOtherPorts; ++i) {
      const int port = wanted_port + i > 65'535 ? wanted_port - i : wanted_port + i;
      error = Add(own, port, lifetime);
      if (error != UPNPCOMMAND_SUCCESS) continue;
      opened.port = port;
      opened.lifetime = lifetime;
      return opened;
    }
    Forget();
    return absl::UnavailableError(
        absl::StrCat("the router opens no port by UPnP: error ", error, ", ", Words(error)));
  }

  void Close(int /*own_port*/, int port) override {
    if (!found_) return;
    UPNP_DeletePortMapping(urls_.controlURL, data_.first.servicetype, absl::StrCat(port).c_str(),
                           "TCP", nullptr);
  }

 private:
  int Add(const std::string& own_port, int port, absl::Duration lifetime) const {
    // A router of version 1 of the protocol knows permanent ports only (error 725).
    constexpr int kOnlyPermanent = 725;
    const auto add = [&](const std::string& seconds) {
      return UPNP_AddPortMapping(urls_.controlURL, data_.first.servicetype,
                                 absl::StrCat(port).c_str(), own_port.c_str(), own_address_,
                                 kDescription, "TCP", nullptr, seconds.c_str());
    };
    const int error = add(absl::StrCat(absl::ToInt64Seconds(lifetime)));
    return error == kOnlyPermanent ? add("0") : error;
  }

  static absl::string_view Words(int error) {
    const char* const words = strupnperror(error);
    return words == nullptr ? "unknown" : words;
  }

  bool Find(const Stopped& stopped) {
    for (int i = 0; i < kDiscoveries && !found_ && !stopped(); ++i) FindOnce();
    return found_;
  }
  void FindOnce() {
    int error = 0;
    UPNPDev* const devices =
        upnpDiscover(kDiscoveryMs, nullptr, nullptr, UPNP_LOCAL_PORT_ANY, 0, kTimeToLive, &error);
#if MINIUPNPC_API_VERSION >= 18
    char wan[64] = "";
    const int valid = UPNP_GetValidIGD(devices, &urls_, &data_, own_address_, sizeof(own_address_),
                                       wan, sizeof(wan));
#else
    const int valid = UPNP_GetValidIGD(devices, &urls_, &data_, own_address_, sizeof(own_address_));
#endif
    freeUPNPDevlist(devices);
    // 1: a router that is connected. 2: one that says it is not, or that its address is private;
    // whether a port there can be reached is for the index to find out.
    if (valid != 1 && valid != 2) {
      if (valid != 0) FreeUPNPUrls(&urls_);
      return;
    }
    found_ = true;
  }
  void Forget() {
    if (found_) FreeUPNPUrls(&urls_);
    found_ = false;
  }

  bool found_ = false;
  UPNPUrls urls_{};
  IGDdatas data_{};
  char own_address_[64] = "";
};

}  // namespace

std::unique_ptr<Router> MakeUpnpRouter() { return std::make_unique<UpnpRouter>(); }

}  // namespace arkshare
