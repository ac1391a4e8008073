#include "service/http/client.h"

#include <regex>

#include <httplib.h>

namespace billhook::http {
namespace {

// httplib throws on some bad addresses and reads others as the name of a host.
bool IsBaseAddress(const std::string& url) {
  static const std::regex shape(R"(https?://(\[[0-9:]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?)");
  return std::regex_match(url, shape);
}

}  // namespace

class Client::Connection {
 public:
  Connection(std::string base_url, std::chrono::milliseconds timeout) {
    if (base_url.ends_with('/')) base_url.pop_back();
    if (!IsBaseAddress(base_url)) {
      bad_url_ = "not a base address such as http://127.0.0.1:8080: " + base_url;
      return;
    }
    client_ = std::make_unique<httplib::Client>(base_url);
    client_->set_keep_alive(true);
    client_->set_tcp_nodelay(true);
    client_->set_decompress(false);
    client_->set_url_encode(false);
    client_->set_follow_location(false);
    client_->set_connection_timeout(timeout);
    client_->set_read_timeout(timeout);
    client_->set_write_timeout(timeout);
  }

  std::optional<Response> Send(const std::string& method, const std::string& path_and_query,
                               const Fields& headers, const std::string& body,
                               const std::string& content_type) {
    error_ = bad_url_;
    if (!error_.empty()) return std::nullopt;
    httplib::Request request;
    request.method = method;
    request.path = path_and_query;
    request.body = body;
    for (const auto& [name, value] : headers) request.headers.emplace(name, value);
    if (!body.empty() && !request.has_header("Content-Type"))
      request.set_header("Content-Type", content_type);

    Response response;
    request.content_receiver = [&response](const char* data, std::size_t length, std::uint64_t,
                                           std::uint64_t) {
      if (response.body.size() + length > kMostAnswerBytes) return false;
      response.body.append(data, length);
      return true;
    };

    const httplib::Result result = client_->send(request);
    may_pass_ =
        result.error() != httplib::Error::SSLServerVerification && result.error() != httplib::Error::Canceled;
    if (!result) {
      error_ = Explain(result.error());
      return std::nullopt;
    }
    response.status = result->status;
    response.content_type = result->get_header_value("Content-Type");
    response.headers.assign(result->headers.begin(), result->headers.end());
    return response;
  }

  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] bool may_pass() const { return may_pass_ && bad_url_.empty(); }

 private:
  static std::string Explain(httplib::Error error) {
    switch (error) {
      case httplib::Error::Connection:
        return "no connection: refused, or no such host";
      case httplib::Error::ConnectionTimeout:
        return "no connection within the time limit";
      case httplib::Error::Read:
        return "no answer: the connection was closed, or the time limit passed";
      case httplib::Error::Write:
        return "the request could not be sent: the connection was closed";
      case httplib::Error::SSLServerVerification:
        return "no connection: its certificate is not one that this machine trusts";
      case httplib::Error::Canceled:
        return "its answer is too large";
      default:
        return "no answer: " + httplib::to_string(error);
    }
  }

  std::unique_ptr<httplib::Client> client_;  // null when the address is bad
  std::string bad_url_;
  std::string error_;
  bool may_pass_ = true;
};

Client::Client(const std::string& base_url, std::chrono::milliseconds timeout)
    : connection_(std::make_unique<Connection>(base_url, timeout)) {}

Client::~Client() = default;

std::optional<Response> Client::Send(const std::string& method, const std::string& path_and_query,
                                     const Fields& headers, const std::string& body,
                                     const std::string& content_type) {
  return connection_->Send(method, path_and_query, headers, body, content_type);
}

const std::string& Client::error() const {
  return connection_->error();
}

bool Client::may_pass() const {
  return connection_->may_pass();
}

}  // namespace billhook::http
