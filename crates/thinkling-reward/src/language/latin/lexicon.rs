//! Frequent words of languages in Latin letters, most frequent first, by rough order only.
//!
//! Written down for this crate from general knowledge of the languages: function words first, then
//! words of reasoning and of everyday problems. Clitics keep their apostrophe (`l'`, `'s`).

/// English.
pub(super) const ENGLISH: &str = "the of and to a in is that it we for so as be this are with on by \
have not from but or can if let which you he she they at was an all one two there then therefore \
since equal equals number numbers answer will has our their its what when how than more would each \
get gets give gives given first next now thus hence where also only these those must just both \
about into up out some any no do does did 's don't doesn't isn't it's let's that's i'm we're can't \
didn't i'll we'll i've wait check again because problem question value values find finds solve \
solved solution equation step steps means mean need needs want know think see make makes take takes \
use used using add added adding subtract multiply divide divided times sum difference product total \
left right side sides three four five six seven eight nine ten twelve hundred zero half twice many \
much every other same different between after before over under through during without within \
while until still even very well good correct wrong mistake maybe actually however although though \
such like time day days week weeks hour hours minutes year years people man woman child children \
old new long short high low small large big great little last second third part parts whole area \
length width square circle triangle angle point points line distance speed rate per cent percent \
price cost costs money dollars paid buys bought sold sells apples books water house school work \
world life my me your his her him us them who whom whose been being were had having may might \
should could shall okay yes true false going go come look back down off here too most way thing \
things something nothing case base function constraint minimize maximize induction proof prove \
assume suppose consider substitute substituting simplify compute calculate recompute verify \
derivative integral expression factor factors polynomial integer integers prime even odd positive \
negative real roots root fraction remainder multiple probability possible ways choose left over \
now another again either neither yet already always never often sure really right left says said \
n't 're 've 'll 'd 'm carefully previous line following above below rather quite together \
because until ago far away end start begin begins began left remaining per altogether \
spent spend spends saved save made makes picked pick visited total leave leaves student students \
teacher class boys girls boy girl friend friends family mother father brother sister dog cat car bus \
train miles feet inches pounds ounces gallons months month morning evening night today tomorrow \
yesterday red blue green white black yellow box boxes bag bags bottle bottles cup cups plate table \
room door street city town store shop market farm tree trees flowers garden food cake cookies bread \
milk candy toys game games ball team players player score votes pages page read reads wrote write \
walk walked walks run runs ran drive drives ride ate eat eats drink play plays played worked works \
earn earns earned pay pays bill tax discount sale free full empty fewer almost dozen eggs weight \
height weighs pair pairs cards card pencils pencil pens stamps coins quarters pennies cents dollar \
ticket tickets hotel movie song songs light heavy fast slow early late ago shown show shows given \
diagram figure express common units unit degree degrees measure parallel perpendicular center \
radius diameter perimeter volume surface sphere cube graph axis slope vertex segment intersect \
intersection tangent sequence series term terms arithmetic geometric ratio proportion average mean \
median sample event coin dice roll rolled toss order arrange committee letter letters word words \
digit digits divisor divisors divisible divides modulo greatest least least smallest largest \
maximum minimum range domain inverse distinct unique exactly determine evaluate simplified rewrite \
apply theorem formula identity inequality bound limit converge claim contradiction generality \
plus minus men women loss similarly finally clearly recall observe notice note implies follows";

/// French.
pub(super) const FRENCH: &str = "de la le et les des en un une du est que qui dans à pour l' d' il \
on pas ne par sur se ce au avec plus nous vous ils elle elles sont a ont être avoir fait cette ces \
son sa ses leur leurs mais ou où donc or ni car si tout tous toute toutes même comme aux entre c' \
qu' n' s' j' m' je tu me te mon ma mes ton ta tes notre nos votre vos lui eux y qu'il deux trois \
quatre cinq six sept huit neuf dix cent zéro premier première second deuxième ainsi alors aussi \
encore bien très peu moins puis après avant pendant sans sous chez vers depuis parce quand comment \
pourquoi combien quel quelle quels quelles ceci cela ça voici voilà était étaient sera serait peut \
peuvent pouvons doit doivent faut dit faire dire voir savoir prendre donne donner donnent trouve \
trouver trouvons obtient obtenons obtenir avons avez ai as suis es sommes êtes soit soient nombre \
nombres réponse question problème valeur équation solution étape calcul calculer calculons additionner \
ajouter ajoute soustraire multiplier diviser divisé somme différence produit total égal égale égaux \
gauche droite côté côtés moitié double fois chaque autre autres rien jamais toujours souvent \
maintenant aujourd'hui hier demain ici là jour jours semaine heure heures minutes an ans année temps \
homme femme enfant enfants fille garçon gens vie monde maison école eau livre livres prix argent \
coûte euros achète vend acheté vendu pommes petit petite grand grande bon bonne nouveau long court \
haut dernier erreur faux vrai juste vérifier vérifions attends attendez ligne précédente peut-être \
cependant pourtant ensuite enfin d'abord tandis lorsque puisque ainsi parmi carré cercle triangle \
angle droit longueur largeur aire surface vitesse distance pour cent reste dont celui celle ceux \
chose choses quelque quelques plusieurs beaucoup assez trop seulement dérivée fonction suivant \
suivante exemple donc résultat résoudre racine racines entier entiers premier pair impair positif \
permet voiture train ville pays route chat chien mange va vais allons allez vont vient veux veut \
voulons reçoit reste restent écrire lire parle aime mère père soeur frère ami amis soir matin nuit \
existe existent proche environ dessous dessus dehors dedans ensemble cause plutôt façon manière \
forme type groupe lieu nom idée fin début commence termine finit passe passer met mettre porte \
porter compte compter rester laisser devoir vouloir pouvoir pourrait devrait aimerait appelle";

/// German.
pub(super) const GERMAN: &str = "der die und das ist in den von zu mit nicht ein es sich des auf für \
dem eine auch als wir an sie er ich dass so wie bei oder aber aus nach war wird sind einen um am im \
einer einem eines haben hat hatte kann können muss müssen wenn man nur noch über vor durch zum zur \
bis mehr sein seine ihr ihre ihm ihn uns unser unsere euch du mich mir dich dir was wer wo warum wann \
welche welcher welches diese dieser dieses diesen jede jeder jedes alle alles hier da dann also denn \
weil ob doch schon sehr viel viele wenig weniger gut immer nie wieder jetzt heute gestern morgen nun \
zwei drei vier fünf sechs sieben acht neun zehn hundert null eins erste ersten zweite dritte zahl \
zahlen antwort frage aufgabe problem wert gleichung lösung lösen schritt rechnung rechnen berechnen \
berechne addieren subtrahieren multiplizieren teilen geteilt mal summe differenz produkt gesamt gleich \
links rechts seite seiten hälfte doppelt daher deshalb somit folglich zuerst danach schließlich \
ergibt erhalten bekommt bekommen finden findet sehen sieht geben gibt nehmen nimmt machen macht \
sagen sagt gehen geht kommen kommt kauft kaufen verkauft kostet preis geld tag tage tagen woche \
stunde stunden minuten jahr jahre zeit mann frau kind kinder leute leben welt haus schule wasser buch \
bücher äpfel neu neue alt groß große größer klein kleine lang kurz hoch letzte anderer andere anderen \
ohne unter zwischen gegen während seit ab bereits vielleicht jedoch obwohl falsch richtig fehler \
prüfen überprüfen warte moment lass lassen uns zeile vorherigen werden wurde wurden würde sei wäre \
habe hast bin bist soll sollte darf will wollen mehrere einige kein keine keinen beide beiden \
quadrat kreis dreieck winkel länge breite fläche geschwindigkeit strecke prozent rest ergebnis \
beispiel funktion ableitung wurzel wurzeln ganze gerade ungerade positiv negativ zug fährt auto \
stadt land weg hund katze schreiben lesen spricht mutter vater freund abend nacht lässt steht liegt \
bleibt braucht brauchen setzen setzt einsetzen genau etwa ungefähr insgesamt jeweils damit dabei \
daraus davon dazu darum worden worin wobei indem beim vom ins ans \
nah nahe genug oben unten außen innen zusammen trotzdem eher art weise form gruppe ort name \
idee ende anfang beginnt endet stellt stellen bringt bringen zählen zählt gehört müsste könnte \
möchte nennt heißt hält dort denen deren dessen etwas jemand niemand";

/// Spanish.
pub(super) const SPANISH: &str = "de la que el en y a los se del las un por con no una su para es al \
lo como más o pero sus le ha me si sin sobre este ya entre cuando todo esta ser son dos también fue \
había era muy años hasta desde está mi porque qué sólo solo han yo hay vez puede pueden podemos todos \
así nos ni parte tiene tienen tenemos él uno donde bien tiempo mismo ese ahora cada vida otro después \
te otros aunque esa eso hace otra gobierno tan durante siempre día días tanto ella tres cuatro cinco \
seis siete ocho nueve diez cien cero mil primero primera segundo tercero número números respuesta \
pregunta problema valor ecuación solución paso pasos cálculo calcular calculamos sumar restar \
multiplicar dividir dividido suma diferencia producto total igual iguales izquierda derecha lado lados \
mitad doble veces entonces luego además primero finalmente por lo tanto obtenemos obtener encontrar \
encontramos ver vemos saber dar da damos tomar hacer hacemos decir dice ir va vamos viene compra \
compró vende cuesta precio dinero semana hora horas minutos año hombre mujer niño niña niños gente \
mundo casa escuela agua libro libros manzanas nuevo nueva viejo grande grandes pequeño pequeña largo \
corto alto último menos mucho muchos mucha poco nada nunca algo alguien alguno algunos ningún ninguna \
aquí allí hoy ayer mañana antes mientras contra bajo según hacia sino pues quizás embargo error \
correcto incorrecto mal verificar comprobar verifiquemos espera línea anterior siguiente estos estas \
esos aquel aquella cual cuál cuáles quién cómo cuánto cuántos cuántas dónde sea sería será estamos \
están estoy estaba eran fueron he hemos soy somos eres debe deben debemos necesitamos quiero \
queremos cuadrado círculo triángulo ángulo longitud ancho área velocidad distancia ciento por resto \
resultado ejemplo función derivada raíz raíces entero enteros par impar positivo negativo tren coche \
ciudad país camino perro gato escribir leer habla madre padre hermano amigo noche tarde nosotros \
ustedes usted ellos ellas les nuestro nuestra tu mis tus quedan queda recibe sale llega cerca lejos \
usando sabemos significa tenía tuvo gusta mejor peor \
existe existen ambos ambas próximo solamente aún bastante debajo encima fuera dentro mediante \
junto misma mismos tal tales tantos cierta cierto cosa cosas manera forma tipo grupo lugar \
nombre idea fin principio empieza termina acaba pasa pasar pone poner lleva llevar trae traer \
contar quedar dejar deber querer poder podría debería gustaría llama";

/// Italian.
pub(super) const ITALIAN: &str = "di e che la il un a per in una è non l' sono mi si lo ma ho ha le con \
i cosa se d' ti come da dell' ci questo qui del bene hai sei della tutto te era no me al nel più solo \
alla nella delle dei degli gli anche perché suo sua suoi tuo mio quando molto qualcosa qualche loro \
noi voi lui lei io tu essere avere fare stato abbiamo siamo due tre quattro cinque sei sette otto nove \
dieci cento zero mille primo prima secondo terzo numero numeri risposta domanda problema valore \
equazione soluzione passo passaggio calcolo calcolare calcoliamo sommare sottrarre moltiplicare \
dividere diviso somma differenza prodotto totale uguale uguali sinistra destra lato lati metà doppio \
volte volta allora quindi poi dunque inoltre infine dopo ora adesso oggi ieri domani sempre mai ancora \
già così tra fra sul sulla dal dalla dai nei negli nelle ai agli alle quello quella quelli queste \
questa questi quale quali quanto quanti quante dove chi cui può possono possiamo deve devono dobbiamo \
otteniamo ottenere trovare troviamo vedere vediamo sapere dare dà prendere dire dice andare va vado \
viene compra vende costa prezzo soldi giorno giorni settimana ora ore minuti anno anni uomo donna \
bambino bambini ragazzo ragazza gente mondo vita casa scuola acqua libro libri mele nuovo nuova \
vecchio grande piccolo piccola lungo corto alto ultimo meno molti molte poco niente nulla nessuno \
senza sotto sopra contro durante mentre secondo verso però oppure o anzi forse tuttavia errore giusto \
sbagliato verificare verifichiamo aspetta riga precedente seguente stesso stessa altro altri altra \
ogni ognuno sia sarà sarebbe erano fu stata fatto detto hanno avete sto sta stanno tutti tutte nostro \
nostra vostro quadrato cerchio triangolo angolo lunghezza larghezza area velocità distanza cento resto \
risultato esempio funzione derivata radice radici intero interi pari dispari positivo negativo treno \
macchina città paese strada cane gatto scrivere leggere parla madre padre fratello amico sera notte \
rimane rimangono riceve arriva vicino lontano un' all' nell' dall' sull' c'è quest' com' cos' \
usando sappiamo significa aveva piace meglio bisogna bello \
esiste esistono soltanto circa abbastanza fuori dentro insieme piuttosto modo maniera forma \
tipo gruppo luogo nome idea fine inizio comincia finisce passa passare mette mettere porta \
portare conta contare rimanere lasciare dovere volere potere potrebbe dovrebbe vorrebbe chiama \
cose";

/// Portuguese.
pub(super) const PORTUGUESE: &str = "de a o que e do da em um para é com não uma os no se na por mais \
as dos como mas foi ao ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela \
até isso ela entre era depois sem mesmo aos ter seus quem nas me esse eles estão você tinha foram essa \
num nem suas meu às minha têm numa pelos elas havia seja qual será nós tenho lhe deles essas esses \
pelas este dele tu te vocês vos lhes meus minhas teu tua nosso nossa dela esta estes estas aquele \
aquela isto aquilo estou estamos estava são somos temos dois duas três quatro cinco seis sete oito \
nove dez cem zero mil primeiro primeira segundo terceiro número números resposta pergunta questão \
problema valor equação solução passo passos cálculo calcular calculamos somar subtrair multiplicar \
dividir dividido soma diferença produto total igual iguais esquerda direita lado lados metade dobro \
vezes vez então portanto assim além finalmente obtemos obter encontrar encontramos ver vemos saber dar \
dá tomar fazer fazemos dizer diz ir vai vamos vem compra comprou vende custa preço dinheiro dia dias \
semana hora horas minutos ano anos homem mulher menino menina criança crianças gente pessoas mundo \
vida casa escola água livro livros maçãs novo nova velho grande pequeno pequena longo curto alto \
último menos muitos muitas pouco nada nunca algo alguém alguns nenhum nenhuma aqui ali lá hoje ontem \
amanhã antes enquanto contra sob segundo porém talvez entretanto contudo erro correto errado verificar \
vamos espere linha anterior seguinte quanto quantos quantas onde porque pode podem podemos deve devem \
devemos precisamos quero queremos quadrado círculo triângulo ângulo comprimento largura área \
velocidade distância cento resto resultado exemplo função derivada raiz raízes inteiro inteiros par \
ímpar positivo negativo trem carro cidade país caminho cachorro gato escrever ler fala mãe pai irmão \
amigo noite tarde manhã cada outro outra outros todo todos toda sempre ainda agora bem melhor ficam \
fica recebe chega perto longe usando sabemos significa gosta logo pois \
existe existem ambos ambas próximo próxima apenas cerca bastante baixo cima fora dentro acima \
abaixo através junto desde embora mesma mesmos tal tais tão tanta tantos certo certa deste \
neste nesta nesse nessa daquele conta contar ficar deixar dever querer poder poderia deveria \
gostaria coisa coisas maneira forma jeito tipo grupo lugar nome ideia fim início começa termina \
acaba passa passar põe pôr leva levar traz trazer chama";

/// Dutch.
pub(super) const DUTCH: &str = "de het een en van in is dat op te zijn niet met voor die er aan ik je \
hij ze we als om maar dan ook bij of uit nog naar door over heeft hebben was wordt worden deze dit wat \
kan kunnen moet moeten zo tot al wel zou meer geen hun haar hem ons onze mijn jouw uw zij jij u men \
veel weinig twee drie vier vijf zes zeven acht negen tien honderd nul één eerste tweede derde getal \
getallen antwoord vraag probleem waarde vergelijking oplossing oplossen stap stappen berekening \
berekenen bereken optellen aftrekken vermenigvuldigen delen gedeeld keer som verschil product totaal \
gelijk links rechts kant zijde helft dubbel dus daarom omdat want toen nu hier daar waar wanneer hoe \
waarom wie welke welk elk elke alle alles iets niets iemand niemand altijd nooit weer vandaag gisteren \
morgen eerst daarna vervolgens tenslotte krijgt krijgen vinden vindt zien ziet geven geeft nemen neemt \
maken maakt zeggen zegt gaan gaat komen komt koopt verkoopt kost prijs geld dag dagen week uur uren \
minuten jaar tijd man vrouw kind kinderen mensen leven wereld huis school water boek boeken appels \
nieuwe nieuw oude oud grote groot kleine klein lang kort hoog laatste andere ander zonder onder tussen \
tegen tijdens sinds misschien echter hoewel fout juist goed controleren wacht laten laat regel vorige \
volgende werd werden waren had hadden heb hebt ben bent zal zullen mag wil willen enkele sommige \
beide vierkant cirkel driehoek hoek lengte breedte oppervlakte snelheid afstand procent rest resultaat \
voorbeeld functie afgeleide wortel wortels geheel even oneven positief negatief trein rijdt auto stad \
land weg hond kat schrijven lezen spreekt moeder vader broer vriend avond nacht blijft blijven nodig \
heel erg steeds samen ongeveer precies ervan erbij eraan waarvan daarvan hiervan zodat terwijl mogen \
staat ligt zit eten drinken werken leren \
bestaat bestaan dichtbij slechts ruim genoeg boven beneden buiten binnen manier vorm soort \
groep plaats naam idee einde begin begint eindigt zet zetten brengt brengen telt tellen hoort \
zouden moest mocht noemt heet houdt toch eens net bijna";

/// Swedish, Danish and Norwegian, which are not told apart.
pub(super) const SCANDINAVIAN: &str = "och det att i en jag hon som han på den med var sig för så till \
är men ett om hade de av icke mig du henne då sin nu har inte hans honom skulle hennes där min man ej \
vid kunde något från ut när efter upp vi dem vara vad över än dig kan sina här ha mot alla under någon \
eller allt mycket sedan ju denna själv detta åt utan varit hur ingen mitt ni bli blev oss din dessa \
några deras blir mina samma vilken er sådan vår vilket bara måste får två tre fyra fem sju åtta nio tio \
först svaret svar tal talet fråga og i det at en den til er som på de med han af for ikke der var mig \
sig men et har om vi min havde ham hun nu over da fra du ud sin dem os op man hans hvor eller hvad skal \
selv her alle vil blev kunne ind når være dog noget ville jo deres efter ned skulle denne end dette mit \
også under have dig anden hende mine alt meget sit sine vor mod disse hvis din nogle hos blive mange ad \
bliver hendes været thi jer sådan jeg det ikke være som til å ein eit også hva hvordan hvorfor noen \
bare være etter fordi derfor altså fire fem seks syv otte ni ti først svaret tallet lige lika lik summan \
summen antal antall hälften halvdelen dag dagen timer timmar år barn vand vatten hus skole skola bok bog \
pengar penge penger köper køber kjøper kostar koster gånger gange ganger regne räkna finde finna finner \
får fås gir ger giver stor liten lille små lång lang kort ny gammal gammel mellan mellem mellom varje \
hver mer mere flere fler än enn";

/// Polish, Czech, Slovak, Croatian and their like in Latin letters.
pub(super) const SLAVIC: &str = "się nie na to że jest do jak co ale po tak za od już był było może być \
tylko czy ja ty my wy oni ona ono jego jej ich mnie mi cię przez dla przy pod nad bez przed między jeśli \
więc bo gdy kiedy gdzie tu tam teraz bardzo mamy masz mam można trzeba dwa dwie trzy cztery pięć sześć \
siedem osiem dziewięć dziesięć liczba liczby odpowiedź pytanie wynosi równa równanie suma iloczyn różnica \
razy przez połowa dzień dni godziny rok lat dom szkoła woda książka pieniądze kupuje kosztuje ile ten ta \
te tego tej tym który która które także oraz lub albo jednak ponieważ zatem potem najpierw je že se na v \
to si s z do ale jak co tak jsem jsme jste jsou byl byla bylo být není by už když jen nebo protože kde \
kdy proč který která které pro při pod nad před mezi podle tento tato toto mám máme má mají musí může \
můžeme jeden dva tři čtyři pět šest sedm osm devět deset číslo čísla odpověď otázka rovná rovnice součet \
součin rozdíl krát polovina den dny hodiny let dům škola voda kniha peníze kupuje stojí kolik tedy proto \
potom nejprve i u je su da ne što kako ali ako jer nije sam si smo ste biti kao samo još već ovaj taj \
koji koja koje broj odgovor pitanje jednako zbroj prema iz od do sve ima imamo treba može sa tri četiri \
kuća dan gdje kada zato zatim prvo som sme nie aby keď ako alebo pretože čo ktorý ktorá sú bol bola \
bolo musí môže";

/// Romanian.
pub(super) const ROMANIAN: &str = "de și în a la cu nu o că se un pe din care este ce mai pentru sau \
sunt am ai au fi fost era dar ca prin după până dacă când unde cum cât câte câți atunci deci apoi acum \
aici acolo eu tu el ea noi voi ei ele lui ne îmi îl îi le lor său sa acest această acesta aceste acel \
acea toate tot toți foarte bine doar numai fără între sub peste spre despre fiecare alt altă unul una \
doi două trei patru cinci șase șapte opt nouă zece sută zero primul prima numărul numere număr \
răspunsul răspuns întrebare problema valoarea ecuația soluția pas adunăm scădem înmulțim împărțim suma \
diferența produsul total egal stânga dreapta jumătate ori obținem avem găsim vedem trebuie poate putem \
zi zile săptămână oră ore an ani om oameni copil copii casa școală apă carte bani cumpără costă preț \
mare mic nou vechi lung ultimul restul rezultatul astfel însă pentru că deoarece";

/// Hungarian.
pub(super) const HUNGARIAN: &str = "a az és hogy nem is egy ez meg csak van de ha már mint volt még el \
kell vagy azt én te ő mi ti ők lesz minden nagyon úgy így itt ott most akkor ezt olyan mert mit aki ami \
amely után előtt között alatt szerint lehet lenne voltak vannak nincs ki be fel le jó nagy kis új régi \
két kettő három négy öt hat hét nyolc kilenc tíz száz nulla első szám számok válasz kérdés feladat \
érték egyenlet megoldás lépés összeg különbség szorzat osztva szorozva összesen egyenlő bal jobb oldal \
fele kétszer tehát ezért majd először végül kapjuk kap kapunk tudjuk látjuk nap napok hét óra óra év \
ember gyerek ház iskola víz könyv pénz vesz kerül ár mennyi hány miért hogyan hol mikor ezek azok \
minket őket hanem azonban pedig";

/// Finnish and Estonian.
pub(super) const FINNISH: &str = "on ja ei se että oli hän mutta ovat kun niin kuin mikä joka myös sen \
ole jos tai minä sinä me te he tämä tuo nämä mitä missä miten miksi koska siis sitten nyt vain jo vielä \
hyvin kaikki yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän kymmenen sata nolla \
ensimmäinen luku luvut luvun vastaus kysymys tehtävä arvo yhtälö ratkaisu vaihe summa erotus tulo \
jaettuna kertaa yhteensä yhtä suuri vasen oikea puoli siksi joten saamme saadaan on olemme täytyy voi \
voimme päivä päivää viikko tunti tuntia vuosi vuotta ihminen lapsi talo koulu vesi kirja rahaa ostaa \
maksaa hinta kuinka monta paljon enemmän vähemmän suuri pieni uusi vanha pitkä ensin lopuksi ennen \
jälkeen kanssa ilman välillä ja on ei see et oli ta aga kui siis mis kes ka oma ning või siin seal nüüd \
ainult kõik üks kaks kolm neli viis kuus arv vastus";

/// Turkish and Azerbaijani.
pub(super) const TURKISH: &str = "bir ve bu da de için ne o çok ile ben mi ama daha var gibi sen değil \
kadar en her diye olan olarak ki sonra şey mı biz siz onlar şu nasıl neden nerede kim hangi kaç eğer \
çünkü yani ancak fakat önce şimdi burada iki üç dört beş altı yedi sekiz dokuz on yüz sıfır ilk birinci \
sayı sayılar sayısı cevap soru problem değer denklem çözüm adım toplam fark çarpım bölü çarpı eşit eşittir \
sol sağ taraf yarısı kez kere öyleyse böylece o halde buluruz elde ederiz olur oldu olması vardır yok \
gerekir edilir ederek gün hafta saat yıl insan çocuk ev okul su kitap para alır satar fiyat büyük küçük \
yeni eski uzun kısa son diğer bütün tüm hiç şöyle olduğu olduğunu bunu buna bunun onun bize bizim arasında \
göre karşı doğru yanlış hata kontrol edelim bakalım";

/// Indonesian and Malay.
pub(super) const INDONESIAN: &str = "yang dan di itu dengan untuk tidak ini dari dalam akan pada juga \
saya ke karena tersebut bisa ada mereka lebih kata tahun sudah atau saat oleh menjadi orang ia telah \
adalah seperti sebagai bahwa dapat para harus namun kita dua satu masih hari hanya kami secara kepada \
anda setelah banyak tiga empat lima enam tujuh delapan sembilan sepuluh nol pertama jadi maka kemudian \
sekarang jika ketika kalau di mana bagaimana mengapa berapa apa siapa angka bilangan jawaban jawabannya \
soal pertanyaan nilai persamaan penyelesaian langkah jumlah selisih hasil kali bagi dibagi dikali \
ditambah dikurangi sama dengan kiri kanan sisi setengah kita mendapatkan diperoleh perlu mari periksa \
salah benar jam minggu anak rumah sekolah air buku uang membeli harga besar kecil baru lama panjang \
terakhir semua setiap lain sangat belum lagi tetapi tapi sehingga agar bukan boleh tak ialah daripada \
adakah kerana";

/// Vietnamese.
pub(super) const VIETNAMESE: &str = "và là của có các được cho không một trong với những người này đã \
khi để đến về ra như ở từ vào cũng nhiều trên sẽ tôi thì còn lại đó phải hay nên rằng theo làm nếu \
chúng ta bạn anh chị em nó họ hai ba bốn năm sáu bảy tám chín mười trăm số đáp án câu hỏi trả lời bài \
toán giá trị phương trình nghiệm bước tổng hiệu tích thương bằng cộng trừ nhân chia trái phải bên nửa \
lần vậy do đó đầu tiên sau trước bây giờ đây kia ai gì sao mấy bao nhiêu ngày tuần giờ phút tháng nhà \
trường nước sách tiền mua bán lớn nhỏ mới cũ dài ngắn cuối cùng mỗi tất cả rất nữa đang vì nhưng hoặc \
tìm tính suy ra đúng sai kiểm tra";
