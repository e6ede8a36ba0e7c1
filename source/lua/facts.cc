// What is known of a stream, and metadata, for scripts.

#include "source/lua/objects.h"

namespace remora::lua {
namespace {

// --- trees

int TreeGet(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kTree);
  const std::string_view key = CheckText(lua, 2);
  return PushItems(lua, self.stream().Look(self.object.tree, {}, &key));
}

// pairs() of a copy.
// The library's, whatever a script calls so.
int Next(lua_State* lua) {
  lua_settop(lua, 2);
  return lua_next(lua, 1) != 0 ? 2 : 0;
}

int PairsOf(lua_State* lua, Items items) {
  lua_pushcfunction(lua, &Next);
  if (PushItems(lua, items) == 0) lua_newtable(lua);
  return 2;
}

int TreePairs(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kTree);
  return PairsOf(lua, self.stream().Look(self.object.tree, {}, nullptr));
}

constexpr luaL_Reg kTreeMethods[] = {
    {"get", &TreeGet}, {"__pairs", &TreePairs}, {nullptr, nullptr}};

int OwnerMetadata(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kOwner);
  const Ask tree = self.object.tree;
  PushObject(lua, self.run, Kind::kTree).tree = tree;
  return 1;
}

constexpr luaL_Reg kOwnerMethods[] = {{"metadata", &OwnerMetadata}, {nullptr, nullptr}};

// --- dynamic metadata

int DynamicGet(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kDynamicMetadata);
  const std::string_view name = CheckText(lua, 2);
  return PushItems(lua, self.stream().Look(Ask::kDynamicMetadata, name, nullptr));
}

int DynamicPairs(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kDynamicMetadata);
  return PairsOf(lua, self.stream().Look(Ask::kDynamicMetadata, {}, nullptr));
}

// Values deeper than that are refused; a table may hold itself.
constexpr int kMaxDepth = 32;
// One value of dynamic metadata.
constexpr size_t kMaxItems = 10'000;

struct Writer {
  Item* items;  // null: they are counted
  size_t count;
  size_t capacity;
};

void WriteItem(lua_State* lua, Writer& writer, std::string_view name, int depth);

// How long a list the table on top of the stack is: all its keys are whole numbers from 1; 0: it is
// no list. As in Envoy, what is missing in between is null.
size_t ListLength(lua_State* lua) {
  lua_Number length = 0;
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    lua_pop(lua, 1);
    const lua_Number key = lua_type(lua, -1) == LUA_TNUMBER ? lua_tonumber(lua, -1) : 0;
    if (key < 1 || key > kMaxItems || key != static_cast<lua_Number>(static_cast<size_t>(key))) {
      lua_pop(lua, 1);
      return 0;
    }
    if (key > length) length = key;
  }
  return static_cast<size_t>(length);
}

// The table on top of the stack.
void WriteTable(lua_State* lua, Writer& writer, size_t place, std::string_view name, int depth) {
  if (depth == kMaxDepth) luaL_error(lua, "a table in dynamicMetadata is nested too deeply");
  luaL_checkstack(lua, 4, "a table in dynamicMetadata is nested too deeply");
  const size_t length = ListLength(lua);
  uint32_t count = 0;
  if (length > 0) {
    for (; count < length; ++count) {
      lua_rawgeti(lua, -1, static_cast<int>(count) + 1);
      WriteItem(lua, writer, {}, depth + 1);
      lua_pop(lua, 1);
    }
  } else {
    lua_pushnil(lua);
    while (lua_next(lua, -2) != 0) {
      if (lua_type(lua, -2) != LUA_TSTRING) {
        luaL_error(lua, "unexpected type %s in table key (only string keys are supported)",
                   luaL_typename(lua, -2));
      }
      WriteItem(lua, writer, CheckText(lua, -2), depth + 1);
      lua_pop(lua, 1);
      ++count;
    }
  }
  if (writer.items != nullptr) {
    writer.items[place].name = name;
    writer.items[place].kind = length > 0 ? Item::Kind::kList : Item::Kind::kStruct;
    writer.items[place].count = count;
  }
}

// The value on top of the stack.
void WriteItem(lua_State* lua, Writer& writer, std::string_view name, int depth) {
  if (writer.count == writer.capacity) luaL_error(lua, "too many values for dynamicMetadata");
  const size_t place = writer.count++;
  Item item{.name = name};
  switch (lua_type(lua, -1)) {
    case LUA_TNIL:
      break;
    case LUA_TBOOLEAN:
      item.kind = Item::Kind::kBoolean;
      item.boolean = lua_toboolean(lua, -1) != 0;
      break;
    case LUA_TNUMBER:
      item.kind = Item::Kind::kNumber;
      item.number = lua_tonumber(lua, -1);
      break;
    case LUA_TSTRING:
      item.kind = Item::Kind::kString;
      item.text = CheckText(lua, -1);
      break;
    case LUA_TTABLE:
      return WriteTable(lua, writer, place, name, depth);
    default:
      luaL_error(lua, "unexpected type '%s' in dynamicMetadata", luaL_typename(lua, -1));
  }
  if (writer.items != nullptr) writer.items[place] = item;
}

int DynamicSet(lua_State* lua) {
  const Self self = Check(lua, 1, Kind::kDynamicMetadata);
  const std::string_view name_space = CheckText(lua, 2);
  const std::string_view key = CheckText(lua, 3);
  lua_settop(lua, 4);
  Writer writer{nullptr, 0, kMaxItems};
  WriteItem(lua, writer, {}, 0);
  auto* const items = static_cast<Item*>(lua_newuserdata(lua, writer.count * sizeof(Item)));
  for (size_t i = 0; i < writer.count; ++i) items[i] = Item();
  lua_pushvalue(lua, 4);
  writer = {items, 0, writer.count};
  // The same values again: their texts are held by the table.
  WriteItem(lua, writer, {}, 0);
  RaiseIf(lua, self.stream().SetMetadata(name_space, key, {items, writer.count}));
  return 0;
}

constexpr luaL_Reg kDynamicMethods[] = {
    {"get", &DynamicGet}, {"set", &DynamicSet}, {"__pairs", &DynamicPairs}, {nullptr, nullptr}};

// --- facts

// Upvalues: the kind of the handle, what is asked.
int Fact(lua_State* lua) {
  const auto kind = static_cast<Kind>(lua_tointeger(lua, lua_upvalueindex(1)));
  const Self self = Check(lua, 1, kind);
  const auto what = static_cast<Ask>(lua_tointeger(lua, lua_upvalueindex(2)));
  return PushItems(lua, self.stream().Look(what, {}, nullptr));
}

struct NamedFact {
  const char* name;
  Ask what;
};

constexpr NamedFact kFacts[] = {
    {"protocol", Ask::kProtocol},
    {"routeName", Ask::kRouteName},
    {"virtualClusterName", Ask::kVirtualClusterName},
    {"downstreamLocalAddress", Ask::kLocalAddress},
    {"downstreamDirectLocalAddress", Ask::kDirectLocalAddress},
    {"downstreamRemoteAddress", Ask::kRemoteAddress},
    {"downstreamDirectRemoteAddress", Ask::kDirectRemoteAddress},
    {"requestedServerName", Ask::kServerName},
};

constexpr NamedFact kTlsFacts[] = {
    {"tlsVersion", Ask::kTlsVersion},
    {"ciphersuiteString", Ask::kTlsCipher},
    {"sessionId", Ask::kTlsSessionId},
    {"peerCertificatePresented", Ask::kPeerPresented},
    {"peerCertificateValidated", Ask::kPeerValidated},
    {"sha256PeerCertificateDigest", Ask::kPeerDigest},
    {"serialNumberPeerCertificate", Ask::kPeerSerial},
    {"issuerPeerCertificate", Ask::kPeerIssuer},
    {"subjectPeerCertificate", Ask::kPeerSubject},
    {"uriSanPeerCertificate", Ask::kPeerUriSans},
    {"dnsSansPeerCertificate", Ask::kPeerDnsSans},
    {"urlEncodedPemEncodedPeerCertificate", Ask::kPeerPem},
    {"urlEncodedPemEncodedPeerCertificateChain", Ask::kPeerPemChain},
    {"validFromPeerCertificate", Ask::kPeerNotBefore},
    {"expirationPeerCertificate", Ask::kPeerNotAfter},
    {"subjectLocalCertificate", Ask::kLocalSubject},
    {"uriSanLocalCertificate", Ask::kLocalUriSans},
    {"dnsSansLocalCertificate", Ask::kLocalDnsSans},
};

constexpr const char* kNoTlsFacts[] = {"ciphersuiteId",
                                       "oidsPeerCertificate",
                                       "oidsLocalCertificate",
                                       "parsedSubjectPeerCertificate",
                                       "parsedIssuerPeerCertificate",
                                       nullptr};

constexpr const char* kNoInfo[] = {"drainConnectionUponCompletion", "dynamicTypedMetadata",
                                   "filterState", nullptr};

template <size_t kSize>
void AddFacts(lua_State* lua, Kind kind, const NamedFact (&facts)[kSize]) {
  for (const auto& [name, what] : facts) {
    lua_pushinteger(lua, static_cast<int>(kind));
    lua_pushinteger(lua, static_cast<int>(what));
    lua_pushcclosure(lua, &Fact, 2);
    lua_setfield(lua, -2, name);
  }
}

// A handle of what only a TLS connection has, or nil.
int PushTls(lua_State* lua, const Self& self) {
  if (self.stream().Look(Ask::kTlsVersion, {}, nullptr).size == 0) {
    lua_pushnil(lua);
  } else {
    PushObject(lua, self.run, Kind::kTls);
  }
  return 1;
}

int ConnectionTls(lua_State* lua) { return PushTls(lua, Check(lua, 1, Kind::kConnection)); }
int InfoTls(lua_State* lua) { return PushTls(lua, Check(lua, 1, Kind::kStreamInfo)); }

int InfoDynamicMetadata(lua_State* lua) {
  PushObject(lua, Check(lua, 1, Kind::kStreamInfo).run, Kind::kDynamicMetadata);
  return 1;
}

constexpr luaL_Reg kInfoMethods[] = {{"downstreamSslConnection", &InfoTls},
                                     {"dynamicMetadata", &InfoDynamicMetadata},
                                     {nullptr, nullptr}};
constexpr luaL_Reg kConnectionMethods[] = {{"ssl", &ConnectionTls}, {nullptr, nullptr}};
constexpr luaL_Reg kNone[] = {{nullptr, nullptr}};

}  // namespace

void AddFactTypes(lua_State* lua) {
  AddType(lua, Kind::kTree, kTreeMethods);
  AddType(lua, Kind::kOwner, kOwnerMethods);
  AddType(lua, Kind::kDynamicMetadata, kDynamicMethods);
  AddType(lua, Kind::kConnection, kConnectionMethods);
  AddType(lua, Kind::kKey, kNone);
  AddType(lua, Kind::kStreamInfo, kInfoMethods);
  AddFacts(lua, Kind::kStreamInfo, kFacts);
  AddNotAvailable(lua, kNoInfo, "streamInfo:");
  AddType(lua, Kind::kTls, kNone);
  AddFacts(lua, Kind::kTls, kTlsFacts);
  AddNotAvailable(lua, kNoTlsFacts, "ssl:");
  lua_settop(lua, 0);
}

}  // namespace remora::lua
