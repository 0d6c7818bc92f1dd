// Settings from the environment, with their defaults.
local variables = std.parseJson(std.extVar('ALLENNLP_ENVIRONMENT'));

{
  // A checkpoint's directory, or its id on the hub.
  model_name: std.get(variables, 'LUKE_MODEL', 'studio-ousia/luke-large'),
  // The same for the baselines that are RoBERTa.
  roberta_name: std.get(variables, 'LUKE_MODEL', 'roberta-large'),
  // The same, for experiments that start from another one.
  model_or(default):: std.get(variables, 'LUKE_MODEL', default),
  // The directory that holds a directory for each dataset.
  data: std.get(variables, 'LUKE_DATA', 'data'),
  // The address of the first machine of a distributed run, as set by torch's launchers.
  primary_address: std.get(variables, 'MASTER_ADDR', '127.0.0.1'),
  primary_port: std.parseInt(std.get(variables, 'MASTER_PORT', '29500')),
}
