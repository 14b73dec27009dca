# Plays systemd: makes the sockets of a service, starts it with them, and prints what it is told.
# service-manager.pl UNIX-SOCKET TCP-PORT NOTIFY-SOCKET WATCHDOG-USEC PROGRAM...
use strict;
use Socket;
use POSIX ();

my ($unix, $port, $notify, $watchdog, @program) = @ARGV;
$| = 1;
sub made { my ($domain, $type, $address) = @_;
  socket(my $s, $domain, $type, 0) or die "socket: $!";
  setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
  bind($s, $address) or die "bind: $!";
  listen($s, 128) or die "listen: $!" if $type == SOCK_STREAM;
  return $s;
}
my $hear = made(AF_UNIX, SOCK_DGRAM, pack_sockaddr_un($notify =~ /^@(.*)/ ? "\0$1" : $notify));
my $control = made(AF_UNIX, SOCK_STREAM, pack_sockaddr_un($unix));
my $net = made(AF_INET, SOCK_STREAM, pack_sockaddr_in($port, INADDR_LOOPBACK));
my $child = fork();
if (!$child) {
  # away from the numbers that they get
  my ($a, $b) = (POSIX::dup2(fileno($control), 20), POSIX::dup2(fileno($net), 21));
  POSIX::dup2(20, 3); POSIX::dup2(21, 4); POSIX::close(20); POSIX::close(21);
  $ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 2; $ENV{LISTEN_FDNAMES} = "control:net";
  $ENV{NOTIFY_SOCKET} = $notify; $ENV{WATCHDOG_USEC} = $watchdog; $ENV{WATCHDOG_PID} = $$;
  exec @program;
  die "exec: $!";
}
close($control); close($net);
print "pid $child\n";
while (defined recv($hear, my $text, 8192, 0)) {
  $text =~ s/\n/ /g;
  print "told $text\n";
}
