/* main.c -- `enf`, the command-line tool of libenf: the table of subcommands, help, version.

   The tool stands on the public interface only (<enf/enf.h>); whatever it does, a host program can
   do. Exit codes: 0 success, 1 failure, 2 wrong usage. */
#include "files.h"
#include "progress.h"
#include "ranks.h"
#include "stream.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const command commands[] = {
    {SIMULATE, "simulate", "SYSTEM", 1, 1,
     "Draw equilibrium configurations of a system by Monte Carlo",
     "SYSTEM is dw4, lj13, lj55, lj:n=13,eps=2,rm=1,spring=1 or pair-dw:dim=3, with other\n"
     "numbers if you like, or PLUGIN.so, an energy of your own ('enf help train'). Prints "
     "acceptance,\n"
     "autocorrelation time (in stored samples), mean energy and virial with their errors; the\n"
     "virial's exact value is (N-1)D. gaussians:n=8,radius=2.8284,std=0.35355, a density of one\n"
     "vector (--set model.space=vector), is drawn from: its samples are independent. FILE is .npy "
     "(f4 unless --type f8) or .xyz; sim.* options\n"
     "by --set.\n",
     run_simulate},
    {TRAIN, "train", "[DATA]...", 0, OPERANDS,
     "Train a flow on configurations, by an energy, or both",
     "DATA is .npy or .npz (FILE.npz:NAME), (n,N,D) or (n,N*D), .xyz, .dcd or AMBER's NetCDF (.nc); "
     "of several\n"
     "files, each a run of its own, --skip leaves out the beginning. -o names the flow. "
     "--objective says how:\n\n"
     "  flow-matching  from DATA; the default\n"
     "  likelihood     from DATA, through the integration; the default of molecules\n"
     "  energy         from --energy: the mean of u + log q over the flow's own samples\n"
     "  mixed          both: train.lambda times likelihood, the rest energy\n"
     "  path-gradient  from --energy, with less noise near the end\n"
     "  refine         from --energy, on --init: weighs samples made too seldom more\n"
     "  least-squares  from --energy: gauge fields, matrices\n"
     "  energy-matching  from --energy: flow matching on own samples\n\n"
     "SPEC is a built-in energy or PLUGIN.so, a shared object that exports one enf_energy_fn "
     "named\n"
     "enf_plugin_energy (<enf/plugin.h>); PLUGIN.so:ARGUMENTS hands\n"
     "it what follows the colon. With --validation it also gives the excess NLL.\n"
     "Where no DATA is needed, the particles are those\n"
     "of the energy or --set model.particles=N, and the length unit is 1 or --set\n"
     "model.data_scale=S; of DATA only shape, labels and length unit are taken. --init FLOW\n"
     "begins with a trained flow, its model and scale: flow matching first, then likelihood or\n"
     "path-gradient. train.batch is the number of configurations or of own samples in a step.\n\n"
     "Atoms are known by their place; files in another order, or wrapped into a cell, are refused.\n"
     "Where labels are elements and bonds make one molecule of the first configuration, alike are\n"
     "only atoms that hang on one neighbour, as a methyl's hydrogens (--kinds elements: all of a\n"
     "label), and samples have that configuration's hand (--chiral none: both).\n\n"
     "One molecule with fixed bonds has a far cheaper flow, in internal coordinates, of one hand\n"
     "and with labelled atoms: --topology FILE.pdb, or --set model.space=molecule for rows with\n"
     "elements (--unit nm where lengths are not in angstrom), and --objective likelihood, energy,\n"
     "mixed or path-gradient. From the energy alone --start FILE has a frame, or many, for bond\n"
     "lengths and angles. Mirror images and broken molecules in DATA are left out and counted;\n"
     "--keep names bonds, such as peptide bonds, that turn although the rows do not show it.\n\n"
     "--features trains a flow of molecules of any size: DATA is .xyz with elements, or .npy files\n"
     "by what stands before _n_atoms.npy; elements and sizes are its. The schedule is --steps;\n"
     "--seconds or --minutes stop earlier, --init begins with a flow that is there, --resume goes on.\n"
     "--validate-every tells the stability of 256 samples (or --rows), with --validation also the\n"
     "bound on as many of its molecules.\n\n"
     "The length is --steps, or a time budget: then train.steps is set from the measured rate,\n"
     "again and again, so that the schedule ends with the budget. With both, --steps is the\n"
     "schedule and the budget a limit.\n\n"
     "With --validation the NLL of 256 of its rows (or --rows, if fewer) is estimated every\n"
     "--validate-every steps and drawn beside the loss. The best look is the last that had a gain\n"
     "over the best before it, on the same rows, of at least its standard error. FLOW.safetensors\n"
     "is then the flow of the last look that was not worse than the best by more than the error,\n"
     "and --patience N stops N looks after the best. The NLL at the end is that of the flow that\n"
     "is kept, exact, on 1000 rows (or --rows).\n\n"
     "Beside FLOW.safetensors stand FLOW.trainer, which --resume needs, FLOW.train.csv and\n"
     "FLOW.train.svg (through gnuplot). All but the picture are saved every minute and on "
     "SIGUSR1;\n"
     "Ctrl-C, SIGTERM and SIGHUP save and stop with exit code 0. Where most steps are skipped, or\n"
     "the flow can score nothing any more, the training fails and keeps the last good flow.\n"
     "Without --resume, files of that name from an earlier training are replaced. With it the\n"
     "model.* and train.* options are those of the first run; DATA, --energy, --validation and "
     "what\n"
     "belongs to it are given again, and the result is that of an uninterrupted training, bit for\n"
     "bit; a larger --steps goes on at the schedule's last rate, and a time budget plans the\n"
     "schedule anew.\n",
     run_train},
    {SAMPLE, "sample", "FLOW", 1, 1, "Draw samples from a flow, with their exact log-density",
     "Samples FIRST ... FIRST+N-1 of the stream SEED; any way of cutting a stream gives the same\n"
     "samples. FILE is .npy (f8 unless --type f4) or .xyz. The log-density costs more than the\n"
     "samples and is computed only for --logp. A sample that fails is NaN and counted. "
     "Interrupted,\n"
     "the samples so far are kept (so they are every minute), and --resume with the same flags "
     "goes\n"
     "on with them; a larger -n makes more of them.\n\n"
     "Of a flow that knows its stereocentres (enf train --chiral) samples of the other hand are\n"
     "mirrored, and log q is that of one hand: log 2 more. Other flows of particles give a chiral\n"
     "molecule both hands, equally often; --chiral names centres, none leaves both.\n",
     run_sample},
    {LOGPROB, "logprob", "FLOW X...", 2, OPERANDS, "Evaluate the exact log-density of configurations",
     "Prints the mean negative log-likelihood (NLL) with its standard error, in nats per\n"
     "configuration on the mean-free subspace. With --energy, and log Z known or given, also the\n"
     "excess NLL: the mean of (-log q(x)) - (u(x) + log Z), an estimate of KL(p||q). A\n"
     "configuration that fails has log-density NaN, is counted and left out of the means. Beside the NLL\n"
     "stand those of the best Gaussian and Student-t densities, and the entropy where log Z is known.\n\n"
     "Molecules of any size with elements have a bound on the density of atoms and positions, by draws\n"
     "of the dequantiser (seed --seed, -s dequant.samples=K of each); X are extended XYZ files or sets of\n"
     ".npy arrays by their prefix, --rows N the first N.\n",
     run_logprob},
    {REWEIGHT, "reweight", "[FLOW]", 0, 1, "Reweight samples of a flow to the Boltzmann density",
     "Draws -n samples from FLOW, or takes --x and --logp as 'enf sample' wrote them, and weighs\n"
     "them by exp(-u)/q. Prints the effective sample size (Kish, as a fraction), raw and with the\n"
     "largest weights clipped, log Z and mean energy with errors, beside exact values where they\n"
     "are known; of FLOW also the mean path length (in the unit of the data, beside the prior's\n"
     "standard deviation, on which it depends), straightness (end-to-end distance over path "
     "length)\n"
     "and evaluations per sample.\n\n"
     "With --reference, or --data, it tells how far energies and interatomic distances are from\n"
     "those configurations, before and after reweighting: the total variation (TV) of histograms,\n"
     "0 to 1, and the Wasserstein-1 distance (W1) in their own unit; beside them those of the\n"
     "even rows of the file from the odd ones: what chance does to half as many rows. --data\n"
     "also gives the NLL and, where log Z is known or given, the excess NLL ('enf help logprob'),\n"
     "and log Z by Bennett's acceptance ratio (BAR) from samples and data together, with the "
     "error\n"
     "of independent rows, and the forward ESS, Z over the mean of exp(-u)/q on the data: the ESS\n"
     "that the flow has where the data are. --rows FILE is --data FILE.\n"
     "--json has the histograms too.\n\n"
     "k-hat is the shape of the Pareto tail of the weights: above 0.7 weights that decide may not\n"
     "have been seen yet, and neither averages nor error bars are to be trusted.\n\n"
     "Energies of a program of your own come from --energy PLUGIN.so, or from a file: draw with\n"
     "'enf sample -o X --logp L', let the program compute u = U/kT of X, and give --x X --logp L\n"
     "--u U. --logw writes the weights for averages of your own, <f> = sum_i exp(logw_i)\n"
     "f(x_i).\n\n"
     "-o writes configurations of the Boltzmann density itself, all of weight 1: the independence\n"
     "Metropolis chain over the samples, in which some of them repeat.\n\n"
     "Interatomic distances come from evenly spaced configurations, as many as have two million\n"
     "distances.\n",
     run_reweight},
    {JUMP, "jump", "FLOW X", 2, 2, "Let walkers jump to samples of a flow, between dynamics of your own",
     "X are walkers, one configuration each. Every one is offered --rounds samples of FLOW and goes to "
     "one\n"
     "with the probability that keeps exp(-u), u of --energy: dynamics finds what is near, the flow\n"
     "crosses barriers, and nothing has to be weighed. -o has the walkers afterwards, mean-free where\n"
     "they jumped; draw velocities anew. Proposals are numbers K, K+1 ... of the stream SEED (--first "
     "K);\n"
     "the next jump begins where this one ended, as it says. FILE.state.npy beside the output is what\n"
     "--resume goes on with after an interruption, or with more --rounds, to the same bits.\n\n"
     "The mean energy is that of the walkers at the end, its error that of independent ones.\n",
     run_jump},
    {LADDER, "ladder", "FLOW", 1, 1, "Free energies over temperature from a flow of many temperatures",
     "Draws -n samples of FLOW at every reduced temperature T of --temperatures (five from the\n"
     "coldest to the hottest of FLOW if not given) and weighs them by exp(-u/T)/q, u of --energy. For\n"
     "each T it prints the effective sample size, k-hat, log Z, mean energy and heat capacity\n"
     "var(u)/T^2 (in units of k, of the coordinates) with errors, and with --cv and --states the\n"
     "free energy of a state in kT. --plot draws the last of these and the effective sample size.\n\n"
     "Such a flow is one of a molecule in internal coordinates with --set model.temperatures=\"1 2\",\n"
     "trained on files of several temperatures (enf train --temperatures 1,1.3,1.6 A B C, those of\n"
     "replica exchange), then or only by --objective refine or path-gradient, whose samples are\n"
     "at train.rungs temperatures each step. T = 1 is the temperature of the energies. The other\n"
     "commands take one of them by --temperature T.\n",
     run_ladder},
    {ANNEAL, "anneal", "FLOW", 1, 1, "Lead samples of a flow to the Boltzmann density by bridges",
     "-n walkers begin as samples of FLOW and go over the densities q^(1-beta) exp(-beta u) from beta 0\n"
     "to 1: weighed, drawn anew where few carry the weight (sequential Monte Carlo; --ess-resample 0:\n"
     "annealed importance sampling), and moved by the gradient of u, with --guided that of log q, too.\n"
     "For flows whose own weights are too uneven for 'enf reweight'. -o has the walkers, --logw their\n"
     "log-weights, which averages need unless all are alike. Prints log Z and the mean energy; walkers\n"
     "that descend from one sample of the flow are a family and count as one in the errors, which say\n"
     "little below some twenty effective families. FILE.state.npy beside the output is what --resume\n"
     "goes on with after an interruption, to the same bits.\n",
     run_anneal},
    {INFO, "info", "[FLOW [DATA]]", 0, 2, "Describe a flow file: shapes, scale, parameters",
     "Of a molecule in internal coordinates it prints the Z-matrix: every atom with those that "
     "its\n"
     "distance, angle and dihedral are with, and their centres and widths; --plot draws it. "
     "Torsions\n"
     "have the names of proteins if the topology was a PDB file: phi; phi' where it is about the\n"
     "same bond with another atom at an end.\n"
     "With DATA, configurations, also the lines: their NLL under the best Gaussian of one width, of any\n"
     "covariance and the best Student-t density, and how far the way to the prior shrinks and stretches\n"
     "at the first 1000 of them (singular values of dz/dx).\n"
     "With --energy wilson:... or class:..., which the flow was trained for, it measures 1000 samples:\n"
     "ESS, log Z, plaquette and of U(1) the squared charge, beside their exact values; --plot then\n"
     "draws the charges of U(1), or the eigenangles of one matrix beside their exact density.\n",
     run_info},
    {MIX, "mix", "FLOW...", 1, OPERANDS, "Join flows to a mixture",
     "The mixture is a flow for every other command; its weights are equal, or of greatest "
     "likelihood:\n"
     "with --data for configurations of a file, with --energy for its own samples (-n of every "
     "FLOW, 4000)\n"
     "weighed by that energy, so that flows of basins that no simulation connects learn how "
     "probable each\n"
     "is. Prints the weights.\n",
     run_mix},
    {IMPORT, "import", "FILE [DEQUANTISER]", 1, 2, "Make a flow of a published network's weights",
     "FILE is a state dict as safetensors, with tensors egnn.embedding.weight, "
     "egnn.gcl_0.edge_mlp.0.weight\n"
     "and so on behind any prefix. Names and shapes tell the network; what they do not is in the\n"
     "file's metadata or given by --set: model.particles, model.dimensions, model.species, "
     "model.tanh,\n"
     "model.aggregation. -o names the flow. Of flows of molecules with features DEQUANTISER is the\n"
     "network net_fn.egnn of theirs, unless it is in FILE, and --set gives model.elements and\n"
     "model.sizes.\n",
     run_import},
    {CHECK, "check", "FILE", 1, 1, "Check generated molecules: stability, validity, uniqueness",
     "FILE has molecules of H, C, N, O and F, of any size, in angstrom: .xyz with elements, or a "
     "set of\n"
     ".npy files by what stands before _n_atoms.npy. Bonds and their orders are told by "
     "lengths. An atom\n"
     "is stable if the orders of its bonds sum to its valence (H 1, C 4, N 3, O 2, F 1), a "
     "molecule if\n"
     "all its atoms are; it is valid if it is in one piece and no atom is above its valence. "
     "Molecules\n"
     "are the same if a hash of their graphs is (Weisfeiler and Lehman's, which does not know the\n"
     "hand). With --train also how many are not in that file, and the Jensen-Shannon divergence and\n"
     "distance (its root) of interatomic distances, 130 bins up to 13 angstrom, and sizes, in "
     "nats.\n"
     "--plot draws twelve of the molecules and the histograms. Molecules that have other elements, "
     "or\n"
     "numbers that are not finite, count as unstable and are counted. The file is read in pieces.\n",
     run_check},
    {OPTIONS, "options", "[GROUP|NAME]", 0, 1,
     "List the library's options: all, one, or a group (model, run, ode, logdet, train, sim)", "",
     run_options},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const command *find_command(const char *name) {
  for (int i = 0; i < COMMANDS; i++)
    if (strcmp(commands[i].name, name) == 0)
      return &commands[i];
  return NULL;
}

static void print_overview(FILE *file) {
  fputs("usage: enf COMMAND [operands] [flags]\n\n"
        "Equivariant normalizing flows: learn a Boltzmann density, sample it, reweight.\n\n"
        "commands:\n",
        file);
  for (int i = 0; i < COMMANDS; i++)
    fprintf(file, "  %-10s %s\n", commands[i].name, commands[i].summary);
  fputs("\n'enf help COMMAND' describes one; 'enf --version' prints the version.\n", file);
}

static int print_help(const char *name) {
  if (name == NULL)
    return print_overview(stdout), SUCCESS;
  const command *row = find_command(name);
  if (row == NULL)
    return cli_usage(NULL, "there is no command '%s'", name);
  cli_help(row);
  return SUCCESS;
}

/* `reweight --rows FILE` is --data FILE; --rows N takes N of them. */
static int take_rows_file(cli *c) {
  const char *text = c->value[FLAG_ROWS];
  if (text == NULL || c->command->run != run_reweight ||
      (text[0] >= '0' && text[0] <= '9' && strspn(text, "0123456789e") == strlen(text)))
    return SUCCESS;
  if (cli_has(c, FLAG_DATA))
    return cli_usage(c, "--rows FILE is --data FILE: give one of them; --rows N takes N rows");
  c->value[FLAG_DATA] = text;
  c->value[FLAG_ROWS] = NULL;
  return SUCCESS;
}

/* A surface goes somewhere. */
static void name_surface(cli *c) {
  if (cli_has(c, FLAG_FES) && !cli_has(c, FLAG_FES_FILE))
    c->value[FLAG_FES_FILE] = "fes.txt";
  if (cli_has(c, FLAG_FES) && !cli_has(c, FLAG_PLOT_2D))
    c->value[FLAG_PLOT_2D] = "fes.svg";
}

static int run_command(const command *row, int argc, char **argv) {
  cli c;
  bool done = false;
  int result = cli_start(&c, row);
  if (result == SUCCESS)
    result = cli_parse(&c, argc, argv, &done);
  if (result == SUCCESS && !done)
    result = take_rows_file(&c);
  name_surface(&c);
  if (result == SUCCESS && !done)
    result = files_check(&c);
  if (result == SUCCESS && !done)
    result = stream_begin(&c);
  if (result == SUCCESS && !done)
    result = row->run(&c);
  stream_end(&c);
  cli_end(&c);
  return result;
}

static int dispatch(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : NULL;
  if (name == NULL)
    return print_overview(stderr), USAGE;
  if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
    return printf("enf %s\n", enf_version()), SUCCESS;
  if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
    return print_help(argc > 2 ? argv[2] : NULL);
  const command *row = find_command(name);
  if (row == NULL)
    return cli_usage(NULL, "there is no command '%s'", name);
  return run_command(row, argc - 1, argv + 1);
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write, told below, */
  signal(SIGXFSZ, SIG_IGN); /* and so is a file beyond the limit */
  if (ranks_begin(&argc, &argv) != 0)
    return cli_fail("MPI could not begin");
  save_requests_catch();
  const int result = dispatch(argc, argv);
  if (fflush(stdout) != 0 || ferror(stdout))
    return ranks_end(result == SUCCESS ? cli_fail("standard output could not be written")
                                       : result);
  return ranks_end(result);
}
