#include "lib/options/options.h"

#include <absl/algorithm/container.h>
#include <absl/status/statusor.h>
#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <absl/strings/strip.h>
#include <absl/time/time.h>

#include <cstdlib>
#include <iostream>
#include <iterator>
#include <utility>
#include <vector>

#include "lib/core/byte_size.h"
#include "lib/core/log.h"
#include "lib/options/flat_toml.h"

namespace arkshare {
namespace {

// "--tls-cert" -> "ARKSHARE_TLS_CERT".
std::string EnvironmentName(const std::string& option) {
  return absl::StrCat("ARKSHARE_",
                      absl::AsciiStrToUpper(absl::StrReplaceAll(option, {{"-", "_"}})));
}

const char* FromEnvironment(const std::string& option) {
  const char* value = std::getenv(EnvironmentName(option).c_str());
  return value == nullptr || *value == '\0' ? nullptr : value;
}

// ARKSHARE_CONFIG is for every program that runs with it.
constexpr absl::string_view kOptionsOfAllPrograms[] = {
    "advertise",      "connections", "control",    "download-limit", "home",         "index",
    "insecure",       "join",        "json",       "lease",          "leave",        "listen",
    "log-level",      "max-books",   "max-memory", "max-watches",    "memory-limit", "metrics",
    "metrics-public", "name",        "number",     "peer",           "policy",       "print-table",
    "share",          "slots",       "state",      "tls-ca",         "tls-cert",     "tls-key",
    "upload-limit"};

// Reads the config file, except for options that the environment sets. Throws errors, as CLI11
// requires; ParseOptions catches them. CLI11's own reader would take an unclosed quote as part of
// the value, and a "#" in quotes as a comment.
class StrictToml : public CLI::ConfigTOML {
 public:
  // `shared`: the file may be for several programs, so it may have options that only others know.
  StrictToml(const CLI::App* app, bool shared) : app_(app), shared_(shared) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    const std::string text(std::istreambuf_iterator<char>(input), {});
    absl::StatusOr<std::vector<TomlEntry>> entries = ParseFlatToml(text);
    if (!entries.ok()) {
      throw CLI::ConfigError(
          absl::StrCat("the --config file: ", std::string(entries.status().message())));
    }
    std::vector<CLI::ConfigItem> items;
    for (TomlEntry& entry : *entries) {
      const bool known = app_->get_option_no_throw("--" + entry.key) != nullptr;
      if (known && FromEnvironment(entry.key) != nullptr) continue;
      if (!known && shared_ && absl::c_linear_search(kOptionsOfAllPrograms, entry.key)) continue;
      CLI::ConfigItem item;
      item.name = std::move(entry.key);
      item.inputs = std::move(entry.values);
      items.push_back(std::move(item));
    }
    return items;
  }

 private:
  const CLI::App* const app_;
  const bool shared_;
};

// Makes a check that prints the message of our parser.
template <typename Parse>
CLI::Validator MakeCheck(Parse parse) {
  return CLI::Validator(
      [parse](std::string& text) {
        const auto value = parse(text);
        return value.ok() ? std::string() : std::string(value.status().message());
      },
      "");
}

std::string ExplainExtras(const std::vector<std::string>& extras) {
  const std::string first = extras.empty() ? "" : extras.front();
  std::string text = absl::StrCat("there is no command or option \"", first, "\" here; see --help");
  if (absl::StartsWith(first, "-")) {
    absl::StrAppend(&text, ", and write -- before names that begin with a dash");
  }
  return text;
}

}  // namespace

std::unique_ptr<CLI::App> MakeApp(const std::string& program, const std::string& description) {
  auto app = std::make_unique<CLI::App>(description, program);
  app->set_version_flag("--version", absl::StrCat(program, " ", ARKSHARE_VERSION));
  app->add_option("--log-level",
                  "Lines to log to stderr: trace, debug, info, warning, error or off")
      ->default_str("info")
      ->type_name("LEVEL")
      ->check(CLI::IsMember({"trace", "debug", "info", "warning", "error", "off"}).description(""));
  // CLI11 ignores an environment variable for this option, so its value becomes the default.
  const char* config = FromEnvironment("config");
  app->config_formatter(std::make_shared<StrictToml>(app.get(), /*shared=*/config != nullptr));
  app->allow_config_extras(CLI::config_extras_mode::error);
  app->set_config("--config", config == nullptr ? "" : config, "A TOML file with these options",
                  /*config_required=*/config != nullptr);
  return app;
}

CLI::Option* AddDuration(CLI::App& app, const std::string& name, absl::Duration& variable,
                         const std::string& description, absl::Duration least) {
  const auto parse = [least](const std::string& text) -> absl::StatusOr<absl::Duration> {
    absl::StatusOr<absl::Duration> duration = ParsePositiveDuration(text);
    if (!duration.ok() || *duration >= least) return duration;
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is too short: the least is ", absl::FormatDuration(least)));
  };
  return app
      .add_option_function<std::string>(
          name, [&variable, parse](const std::string& text) { variable = *parse(text); },
          description)
      ->check(MakeCheck(parse))
      ->type_name("DURATION")
      ->default_str(absl::FormatDuration(variable));
}

CLI::Option* AddByteSize(CLI::App& app, const std::string& name, uint64_t& variable,
                         const std::string& description) {
  const auto parse = [](const std::string& text) { return ParseByteSize(text); };
  return app
      .add_option_function<std::string>(
          name, [&variable, parse](const std::string& text) { variable = *parse(text); },
          description)
      ->check(MakeCheck(parse))
      ->type_name("BYTES")
      ->default_str(absl::StrCat(variable));
}

CLI::Validator WholeNumber(uint64_t least) {
  return MakeCheck([least](const std::string& text) -> absl::StatusOr<uint64_t> {
    uint64_t number = 0;
    if (text.find_first_not_of("0123456789") == std::string::npos &&
        absl::SimpleAtoi(text, &number) && number >= least) {
      return number;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a whole number of ", least, " or more"));
  });
}

void AddTlsOptions(CLI::App& app, TlsOptions& variable) {
  app.add_option("--tls-cert", variable.cert_file, "This program's certificate (PEM file)")
      ->type_name("FILE");
  app.add_option("--tls-key", variable.key_file, "Its private key (PEM file)")->type_name("FILE");
  app.add_option("--tls-ca", variable.ca_file,
                 "The CA of the other programs' certificates (PEM file)")
      ->type_name("FILE");
}

std::optional<int> ParseOptions(CLI::App& app, int argc, const char* const* argv) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty()) continue;
    const std::string& name = option->get_lnames().front();
    if (name == "help" || name == "version" || name == "config") continue;
    option->envname(EnvironmentName(name));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ConfigError& error) {
    absl::string_view what = error.what();
    std::cerr << app.get_name() << ": ";
    if (absl::ConsumePrefix(&what, "INI was not able to parse ")) {
      std::cerr << "the --config file: there is no option \"" << what << "\"; see --help\n";
    } else {
      std::cerr << what << "\n";
    }
    return kExitUsage;
  } catch (const CLI::ExtrasError&) {
    std::cerr << app.get_name() << ": " << ExplainExtras(app.remaining(/*recurse=*/true)) << "\n";
    return kExitUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  const CLI::Option* level = app.get_option("--log-level");
  SetUpLogging(level->count() > 0 ? level->as<std::string>() : "info");
  return std::nullopt;
}

}  // namespace arkshare
