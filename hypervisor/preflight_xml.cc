#include <pugixml.hpp>
#include <sstream>

#include "hypervisor/preflight.h"

namespace ballast::hypervisor {

namespace {

std::string text(const pugi::xml_node& node) {
    return node.text().as_string();
}

// "server:/export", as mount shows it.
std::string source_of(const pugi::xml_node& source) {
    std::string where = source.child("host").attribute("name").as_string();
    for (const char* attribute : {"path", "name"})
        for (const char* element : {"dir", "device"})
            if (const auto value = source.child(element).attribute(attribute); value && !where.empty())
                return where + ":" + value.as_string();
    const std::string name = text(source.child("name"));
    return where.empty() ? name : where + ":" + name;
}

std::optional<Bytes> bytes_of(const pugi::xml_node& node) {
    if (!node) return std::nullopt;
    return Bytes{node.text().as_ullong()};
}

pugi::xml_node capabilities_host(pugi::xml_document& document, const std::string& xml) {
    document.load_buffer(xml.data(), xml.size());
    return document.child("capabilities").child("host");
}

}  // namespace

PreflightPool pool_from_xml(const std::string& xml) {
    pugi::xml_document document;
    document.load_buffer(xml.data(), xml.size());
    const auto root = document.child("pool");
    PreflightPool pool;
    pool.type = root.attribute("type").as_string();
    pool.name = text(root.child("name"));
    pool.path = text(root.child("target").child("path"));
    pool.source = source_of(root.child("source"));
    pool.capacity = bytes_of(root.child("capacity"));
    pool.available = bytes_of(root.child("available"));
    return pool;
}

PreflightVolume volume_from_xml(const std::string& xml) {
    pugi::xml_document document;
    document.load_buffer(xml.data(), xml.size());
    const auto root = document.child("volume");
    const auto target = root.child("target");
    PreflightVolume volume;
    volume.path = text(target.child("path"));
    volume.size = bytes_of(root.child("physical") ? root.child("physical") : root.child("capacity")).value_or(Bytes{});
    volume.changed_at = text(target.child("timestamps").child("ctime"));
    return volume;
}

std::string host_uuid_from(const std::string& capabilities_xml) {
    pugi::xml_document document;
    return text(capabilities_host(document, capabilities_xml).child("uuid"));
}

std::string host_cpu_from(const std::string& capabilities_xml) {
    pugi::xml_document document;
    const auto cpu = capabilities_host(document, capabilities_xml).child("cpu");
    if (!cpu) return {};
    std::ostringstream out;
    cpu.print(out, "", pugi::format_raw);
    return out.str();
}

std::set<std::string> features_from_cpu_xml(const std::string& cpu_xml) {
    pugi::xml_document document;
    document.load_buffer(cpu_xml.data(), cpu_xml.size());
    std::set<std::string> features;
    for (const auto& feature : document.child("cpu").children("feature")) {
        const std::string policy = feature.attribute("policy").as_string("require");
        if (policy == "require" || policy == "force") features.insert(feature.attribute("name").as_string());
    }
    return features;
}

}  // namespace ballast::hypervisor
