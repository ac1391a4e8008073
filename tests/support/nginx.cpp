#include "tests/support/nginx.h"

#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <unistd.h>

#include "service/http/client.h"
#include "tests/support/paths.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;

std::string Contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Wherever it stands.
void Replace(std::string& text, const std::string& from, const std::string& to) {
  std::size_t at = text.find(from);
  if (at == std::string::npos) throw std::runtime_error("deploy/nginx.conf has no " + from);
  for (; at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
}

std::string WithoutScheme(const std::string& address) {
  return address.substr(address.rfind('/') + 1);
}

}  // namespace

Nginx::Nginx(const std::vector<std::string>& addresses) {
  std::string name = fs::temp_directory_path() / "billhook-nginx.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  directory_ = name;
  address_ = "http://127.0.0.1:" + std::to_string(FreePort());
  tls_port_ = std::to_string(FreePort());
  MakeCertificate();
  const fs::path file = directory_ / "nginx.conf";
  std::ofstream(file) << Configuration(addresses);
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{kProgram, "-p", directory_, "-e", "stderr", "-c", file}, ProcessEnvironment());
  const auto listens = [this] {
    return http::Client(address_).Send("GET", "/").has_value() || process_->Ended().has_value();
  };
  if (!Await(listens, std::chrono::seconds(30)) || process_->Ended())
    throw std::runtime_error("nginx does not listen: " + process_->Log());
}

Nginx::~Nginx() {
  process_->Signal(SIGTERM);  // the master takes its worker with it
  process_->Wait();
  fs::remove_all(directory_);
}

std::string Nginx::AccessLog() const {
  return Contents(directory_ / "access");
}

std::string Nginx::ErrorLog() const {
  return Contents(directory_ / "error") + process_->Log();
}

void Nginx::MakeCertificate() const {
  const Finished made = RunProgram({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                                    "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
                                    "/CN=billhook", "-addext", std::string("subjectAltName=DNS:") + kName,
                                    "-keyout", directory_ / "key", "-out", certificate_file()});
  if (made.status != 0) throw std::runtime_error("openssl makes no certificate: " + made.err);
}

std::string Nginx::Configuration(const std::vector<std::string>& addresses) const {
  std::string text = Contents(SourceDirectory() + "/deploy/nginx.conf");
  const std::string options = " max_fails=3 fail_timeout=2s;";
  std::string servers;
  for (const std::string& address : addresses) servers += "server " + WithoutScheme(address) + options;
  Replace(text, "server 127.0.0.1:8080" + options, servers);
  const std::string name = std::string("server_name ") + kName + ";";
  Replace(text, name, name + " listen " + WithoutScheme(address_) + ";");
  Replace(text, "listen 443 ", "listen 127.0.0.1:" + tls_port_ + " ");
  const std::string ipv6 = "listen [::]:443 ";
  Replace(text, ipv6, (HasIpv6() ? "" : "# ") + ("listen [::1]:" + tls_port_ + " "));
  Replace(text, "/etc/nginx/tls/billing.example.com.pem", certificate_file());
  Replace(text, "/etc/nginx/tls/billing.example.com.key", directory_ / "key");
  Replace(text, "/var/log/nginx/billhook.log", directory_ / "access");
  Replace(text, "/var/log/nginx/billhook.error.log", directory_ / "error");

  std::ostringstream whole;
  if (geteuid() == 0) whole << "user root;\n";
  whole << "daemon off;\nworker_processes 1;\npid " << (directory_ / "pid").string()
        << ";\nerror_log stderr warn;\nevents { worker_connections 1024; }\nhttp {\naccess_log off;\n";
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    whole << kind << "_temp_path " << (directory_ / kind).string() << ";\n";
  whole << text << "}\n";
  return whole.str();
}

}  // namespace billhook::test
