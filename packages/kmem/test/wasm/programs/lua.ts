import { type LuaEngine, LuaFactory } from "wasmoon";

/** Tables, strings and closures, of which the collector takes most back again. */
const SCRIPT = `
local parts = {}
local seed = 1
local function random(n) seed = (seed * 1103515245 + 12345) % 2147483648 return seed % n end
local words = {}
for i = 1, 3000 do
  words[i] = ("w" .. random(500)):rep(1 + i % 5)
  if i % 10 == 0 then words[random(i) + 1] = nil end
end
local counts = {}
for _, word in pairs(words) do counts[word] = (counts[word] or 0) + 1 end
local keys = {}
for word in pairs(counts) do keys[#keys + 1] = word end
table.sort(keys)
for i = 1, #keys, 7 do parts[#parts + 1] = keys[i] .. "=" .. counts[keys[i]] end
local coroutines = {}
for i = 1, 200 do coroutines[i] = coroutine.wrap(function(a) for j = 1, 10 do a = coroutine.yield(a .. j) end end) end
local text = ""
for i = 1, 200 do text = text .. coroutines[i](tostring(i)) end
collectgarbage()
return table.concat(parts, ",") .. " " .. #text .. " " .. text:gsub("1", "one"):len()
`;

/** Lua with its own allocator, or with one that whoever calls this has put in its place. */
export async function loadLua(): Promise<LuaEngine> {
  return await new LuaFactory().createEngine();
}

export async function workOfLua(engine: LuaEngine, scale = 1): Promise<string> {
  const results: string[] = [];
  for (let round = 0; round < scale; round++) results.push(String(await engine.doString(SCRIPT)));
  engine.global.close();
  return results.join("\n");
}
