#include "test/harness/client.h"

#include <cstdio>

namespace remora::harness {

std::string MakeRequest(std::string_view method, std::string_view path,
                        const std::vector<Field>& fields, std::string_view body) {
  std::string text = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\n";
  text += "host: test.local\r\n";
  for (const Field& field : fields) text += field.name + ": " + field.value + "\r\n";
  if (!body.empty()) text += "content-length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + std::string(body);
}

std::string MakeChunked(std::string_view body, size_t size) {
  std::string text;
  for (size_t at = 0; at < body.size(); at += size) {
    const std::string_view piece = body.substr(at, size);
    char line[24];
    std::snprintf(line, sizeof(line), "%zx\r\n", piece.size());
    text += line;
    text += piece;
    text += "\r\n";
  }
  return text + "0\r\n\r\n";
}

Message Client::Get(std::string_view path, const std::vector<Field>& fields) {
  Send(MakeRequest("GET", path, fields));
  return ReceiveResponse();
}

Message Client::Head(std::string_view path) {
  Send(MakeRequest("HEAD", path));
  return ReceiveResponse(true);
}

Message Client::Post(std::string_view path, std::string_view body,
                     const std::vector<Field>& fields) {
  Send(MakeRequest("POST", path, fields, body));
  return ReceiveResponse();
}

}  // namespace remora::harness
