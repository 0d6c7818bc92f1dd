// `knobs(base, fields)` is a library on top of another one, `base`, or of none, `{}`. Its hidden fields are its knobs. Hiding
// any other field in a config built on it is an error, since nothing would read it.
local hidden(object) = std.setDiff(std.objectFieldsAll(object), std.objectFields(object));

// Dice's coefficient of letter bigrams.
local pairs(name) = std.set([name[i:i + 2] for i in std.range(0, std.length(name) - 2)]);
local similarity(left, right) =
  2 * std.length(std.setInter(pairs(left), pairs(right)))
  / std.max(std.length(pairs(left)) + std.length(pairs(right)), 1);

local explanation(name, knobs, is_visible) =
  local similarities = [similarity(name, knob) for knob in knobs];
  local best = std.foldl(std.max, similarities, 0);
  if is_visible then
    '%s:: is hidden from AllenNLP by its two colons; write %s: or, to change a part of it, %s+:' % [name, name, name]
  else
    '%s:: is no knob, so nothing would read it; %s (a field for AllenNLP has one colon, a variable of your own is a local)'
    % [
      name,
      if best >= 0.3 then 'did you mean "%s"?' % knobs[std.find(best, similarities)[0]]
      else 'the knobs are ' + std.join(', ', knobs),
    ];

// The paths of what is hidden inside a value.
local hidden_inside(path, value) =
  if std.isObject(value) then
    ['%s.%s' % [path, name] for name in hidden(value)]
    + std.flattenArrays([hidden_inside('%s.%s' % [path, name], value[name]) for name in std.objectFields(value)])
  else if std.isArray(value) then
    std.flattenArrays(std.mapWithIndex(function(index, item) hidden_inside('%s.%d' % [path, index], item), value))
  else [];

function(base, fields)
  local library = base + fields;
  local own = ['knob_names', 'visible_names'];
  local names = std.setDiff(hidden(library), own);
  local visible = std.objectFields(library);

  library {
    local config = self,
    knob_names:: names,
    visible_names:: visible,

    // Jsonnet evaluates an assert whenever the object is looked at, so in general it only counts.
    local num_hidden = std.length(std.objectFieldsAll(config)) - std.length(std.objectFields(config)),
    local unknown = std.setDiff(hidden(config), std.set(config.knob_names + own)),
    assert num_hidden <= std.length(config.knob_names) + std.length(own) || unknown == []
           : explanation(unknown[0], config.knob_names, std.member(config.visible_names, unknown[0])),

    // For the same reason these are in a field.
    [if std.objectHas(fields, 'random_seed') then 'random_seed']:
      local unread = std.flattenArrays([
        hidden_inside(name, config[name])
        for name in std.objectFields(config)
        if name != 'random_seed'
      ]);
      local misspelt = [
        [name, knob]
        for name in std.setDiff(std.objectFields(config), std.set(config.visible_names))
        for knob in config.knob_names
        // No field that only AllenNLP knows is so similar to a knob.
        if similarity(name, knob) >= 0.8
      ];
      if unread != [] then error '%s is hidden from AllenNLP by its two colons; write one' % unread[0]
      else if misspelt != [] then error '%s: is no field of the config; did you mean "%s"?' % misspelt[0]
      else super.random_seed,
  }
