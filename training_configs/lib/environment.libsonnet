// What the environment may set, with what holds otherwise.
local variables = std.parseJson(std.extVar('ALLENNLP_ENVIRONMENT'));

{
  // A checkpoint's directory, or its id on the hub.
  model_name: std.get(variables, 'LUKE_MODEL', 'studio-ousia/luke-large'),
  // The same for the baselines that are RoBERTa.
  roberta_name: std.get(variables, 'LUKE_MODEL', 'roberta-large'),
  // The directory that holds a directory for each dataset.
  data: std.get(variables, 'LUKE_DATA', 'data'),
}
