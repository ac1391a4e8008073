#include "tests/chaos/nginx.h"

#include <csignal>
#include <fstream>
#include <stdexcept>

#include <unistd.h>

#include "service/http/client.h"

namespace billhook::test {
namespace {

namespace fs = std::filesystem;

std::string Configuration(const fs::path& directory, const std::vector<std::string>& addresses, int port) {
  std::string servers;
  for (const std::string& address : addresses)
    servers += "    server " + address.substr(address.rfind('/') + 1) + " max_fails=1 fail_timeout=1s;\n";
  std::string temporary;
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
    temporary += std::string("  ") + kind + "_temp_path " + (directory / kind).string() + ";\n";
  return std::string(geteuid() == 0 ? "user root;\n" : "") + "daemon off;\nworker_processes 1;\npid " +
         (directory / "pid").string() +
         ";\nerror_log stderr warn;\nevents { worker_connections 1024; }\nhttp {\n  access_log off;\n" +
         temporary + "  upstream billhook {\n" + servers +
         "    keepalive 32;\n  }\n"
         "  server {\n    listen 127.0.0.1:" +
         std::to_string(port) +
         ";\n    client_max_body_size 1m;\n    client_body_buffer_size 1m;\n"
         "    proxy_http_version 1.1;\n    proxy_set_header Connection \"\";\n    proxy_connect_timeout 1s;\n"
         "    location / { proxy_pass http://billhook; }\n"
         "    location /webhooks/ {\n      proxy_pass http://billhook;\n"
         "      proxy_next_upstream error timeout http_502 http_503 non_idempotent;\n    }\n  }\n}\n";
}

}  // namespace

Nginx::Nginx(const std::vector<std::string>& addresses) {
  std::string name = fs::temp_directory_path() / "billhook-nginx.XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  directory_ = name;
  const int port = FreePort();
  address_ = "http://127.0.0.1:" + std::to_string(port);
  const fs::path file = directory_ / "nginx.conf";
  std::ofstream(file) << Configuration(directory_, addresses, port);
  process_ = std::make_unique<ChildProcess>(
      std::vector<std::string>{kProgram, "-p", directory_, "-e", "stderr", "-c", file}, ProcessEnvironment());
  const auto listens = [this] {
    return http::Client(address_).Send("GET", "/health/live").has_value() || process_->Ended().has_value();
  };
  if (!Await(listens, std::chrono::seconds(30)) || process_->Ended())
    throw std::runtime_error("nginx does not listen: " + process_->Log());
}

Nginx::~Nginx() {
  process_->Signal(SIGTERM);  // the master takes its worker with it
  process_->Wait();
  fs::remove_all(directory_);
}

}  // namespace billhook::test
