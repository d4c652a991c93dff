#include "net/http_reply.h"

#include "base/json.h"

namespace fluxion {

namespace {

std::string_view reasonOf(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 408:
        return "Request Timeout";
    case 426:
        return "Upgrade Required";
    case 431:
        return "Request Header Fields Too Large";
    case 503:
        return "Service Unavailable";
    default:
        return "Error";
    }
}

} // namespace

std::string httpReply(int status, std::string_view json, std::string_view extraFields)
{
    std::string out = "HTTP/1.1 " + std::to_string(status) + " ";
    out += reasonOf(status);
    out += "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(json.size());
    out += "\r\nCache-Control: no-store\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n";
    out += extraFields;
    out += "\r\n";
    out += json;
    return out;
}

std::string httpError(int status, std::string_view code, std::string_view text,
                      std::string_view extraFields)
{
    std::string body = "{\"error\":";
    appendJsonString(body, text);
    body += ",\"code\":";
    appendJsonString(body, code);
    body += '}';
    return httpReply(status, body, extraFields);
}

} // namespace fluxion
