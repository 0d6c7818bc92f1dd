// What the environment may set, with what holds otherwise.
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
  // Where the first machine of a distributed run is to be found, as launchers of torch's programs have it.
  primary_address: std.get(variables, 'MASTER_ADDR', '127.0.0.1'),
  primary_port: std.parseInt(std.get(variables, 'MASTER_PORT', '29500')),
}
