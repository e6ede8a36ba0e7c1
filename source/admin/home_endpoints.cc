#include "source/admin/concat.h"
#include "source/admin/endpoint_table.h"

namespace remora::admin {
namespace {

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang='en'>
<head>
  <meta charset='utf-8'>
  <title>Remora Admin</title>
  <link rel='icon' href='data:,'>
  <style>
    table { border-collapse: collapse; font-family: sans-serif; font-size: medium; }
    th, td { padding: 4px; text-align: left; }
    tbody:nth-of-type(odd) { background-color: #dddddd; }
    form { margin: 0; }
    .option { padding-left: 20px; text-align: right; }
    .link { background: none; border: none; padding: 0; font: inherit; color: #069;
            text-decoration: underline; cursor: pointer; }
  </style>
</head>
<body>
  <table>
    <thead>
      <tr><th>Command</th><th>Description</th></tr>
    </thead>
)";

constexpr std::string_view kTail = R"(  </table>
</body>
</html>
)";

std::string_view Entity(char c) {
  switch (c) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return {};
  }
}

std::string Escape(std::string_view text) {
  std::string escaped;
  for (const char& c : text) {
    const std::string_view entity = Entity(c);
    escaped += entity.empty() ? std::string_view(&c, 1) : entity;
  }
  return escaped;
}

std::string Option(std::string_view choice) {
  const std::string escaped = Escape(choice);
  return Concat("<option value='", escaped, "'>", escaped, "</option>");
}

std::string Control(const Parameter& parameter, std::string_view form, std::string_view id) {
  const std::string attributes =
      Concat(" name='", Escape(parameter.name), "' id='", id, "' form='", form, "'");
  switch (parameter.kind) {
    case Parameter::Kind::kFlag:
      return Concat("<input type='checkbox'", attributes, ">");
    case Parameter::Kind::kText:
      return Concat("<input type='text'", attributes, ">");
    case Parameter::Kind::kLines:
      return Concat("<textarea rows='3' cols='40'", attributes, "></textarea>");
    case Parameter::Kind::kChoice:
      break;
  }
  std::string select = Concat("<select", attributes, ">");
  for (const std::string_view choice : parameter.choices) select += Option(choice);
  return select + "</select>";
}

// A link for what only shows, a form with a button for what changes something.
std::string Command(const Endpoint& endpoint, std::string_view name) {
  if (!endpoint.mutates && endpoint.parameters.empty()) {
    return Concat("<a href='", name, "'>", name, "</a>");
  }
  return Concat("<form action='", name, "' method='", endpoint.mutates ? "post" : "get", "' id='",
                name, "'><button", endpoint.mutates ? ">" : " class='link'>", name,
                "</button></form>");
}

std::string Section(const Endpoint& endpoint) {
  // Relative, so that the page also works behind a path prefix.
  const std::string name = Escape(endpoint.path.substr(1));
  std::string html = Concat("    <tbody>\n      <tr><td>", Command(endpoint, name), "</td><td>",
                            Escape(endpoint.help), "</td></tr>\n");
  for (const Parameter& parameter : endpoint.parameters) {
    const std::string id = Concat(name, "-", Escape(parameter.name));
    Append(html, "      <tr><td class='option'>", Control(parameter, name, id),
           "</td><td><label for='", id, "'>", Escape(parameter.help), "</label></td></tr>\n");
  }
  return html + "    </tbody>\n";
}

Response Home(const EndpointTable& table, const Request&) {
  std::string html(kHead);
  for (const Endpoint& endpoint : table.endpoints()) {
    if (endpoint.path != "/") html += Section(endpoint);
  }
  html += kTail;
  return {200, kHtml, std::move(html), nullptr};
}

Response Help(const EndpointTable& table, const Request&) { return Text(table.CommandList()); }

}  // namespace

void AddHomeEndpoints(std::vector<Endpoint>& endpoints) {
  endpoints.push_back({"/", "Admin home page", &Home});
  endpoints.push_back({"/help", "print out list of admin commands", &Help});
}

}  // namespace remora::admin
