# Changes what an ELF program of 64 bits needs, in place: elf.pl FILE newer-glibc|missing-library|foreign-architecture [try]
use strict;
my ($file, $what, $try) = @ARGV;
open my $f, $try ? '<:raw' : '+<:raw', $file or die "$file: $!\n";
local $/;
my $elf = <$f>;
die "$file is no ELF program of 64 bits\n" unless substr($elf, 0, 6) eq "\x7fELF\x02\x01";
sub put { my ($at, $bytes) = @_; substr($elf, $at, length $bytes) = $bytes; return if $try; seek $f, $at, 0; print $f $bytes or die "$!\n" }
sub text { my $at = shift; substr($elf, $at, index($elf, "\0", $at) - $at) }
if ($what eq 'foreign-architecture') {
    # x86-64 becomes aarch64, and the other way round.
    put(18, pack 'v', unpack('v', substr $elf, 18, 2) == 0xb7 ? 0x3e : 0xb7);
    exit;
}
my ($headers) = unpack 'Q<', substr $elf, 40, 8;
my ($size, $count) = unpack 'vv', substr $elf, 58, 4;
my @sections = map { my @s = unpack 'VVQ<Q<Q<Q<VVQ<Q<', substr $elf, $headers + $_ * $size, 64; \@s } 0 .. $count - 1;
for my $section (@sections) {
    my ($type, $at, $length, $link) = @$section[1, 4, 5, 6];
    my $strings = $sections[$link][4];
    if ($what eq 'missing-library' && $type == 6) {
        for (my $i = $at; $i < $at + $length; $i += 16) {
            my ($tag, $name) = unpack 'Q<Q<', substr $elf, $i, 16;
            next unless $tag == 1;
            # Of the same length, and nowhere to be found.
            put($strings + $name, 'no-');
            exit;
        }
    }
    if ($what eq 'newer-glibc' && $type == 0x6ffffffe) {
        my (%at, $newest);
        for (my $need = $at; ; ) {
            my ($aux, $next) = unpack 'VV', substr $elf, $need + 8, 8;
            for (my $i = $need + $aux; ; ) {
                my ($name, $more) = unpack 'VV', substr $elf, $i + 8, 8;
                push @{ $at{$name} }, $i;
                $newest = $name if text($strings + $name) =~ /^GLIBC_2\.(\d\d)$/ && $1 > (defined $newest ? substr(text($strings + $newest), 8) : 0);
                last unless $more;
                $i += $more;
            }
            last unless $next;
            $need += $next;
        }
        last unless defined $newest;
        my ($version, $hash) = ('GLIBC_2.99', 0);
        for (unpack 'C*', $version) { $hash = ($hash << 4) + $_; my $high = $hash & 0xf0000000; $hash = ($hash ^ ($high >> 24)) & ~$high & 0xffffffff }
        put($strings + $newest, $version);
        put($_, pack 'V', $hash) for @{ $at{$newest} };
        exit;
    }
}
die "$file needs nothing that could become $what\n";
